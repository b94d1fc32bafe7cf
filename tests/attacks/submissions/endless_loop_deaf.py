# Never ends, and catches whatever wants to end it.
# part: record_and_check
# honest: 0
# seconds: 60
import ctypes
import signal

ctypes.CDLL(None).signal(signal.SIGALRM, 1)
ctypes.CDLL(None).signal(signal.SIGINT, 1)


def handle(message, db):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
