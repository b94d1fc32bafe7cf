# Writes garbage on the pipe.
# part: record_and_check
# honest: 0
# seconds: 20
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


def handle(message, db):
    for number in pipes():
        os.write(number, bytes(range(256)) * 16)
