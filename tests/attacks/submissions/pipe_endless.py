# Writes a message that never comes to its end, little by little.
# part: record_and_check
# honest: 0
# seconds: 60
import os
import socket
import stat


def pipes():
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield number
        except OSError:
            pass


import threading
import _thread

wait = threading.Event().wait


def handle(message, db):
    for number in pipes():
        os.write(number, b"\x00\xff\x00\x00")
        while True:
            os.write(number, b" ")
            for _ in range(10**6):
                pass
