# Ends the interpreter in the middle of a delivery.
# part: record_and_check
# honest: 0
# seconds: 20
import ctypes


def handle(message, db):
    ctypes.CDLL(None)._exit(0)
