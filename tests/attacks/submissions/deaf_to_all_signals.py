# Ignores and blocks every signal, and never comes to an end in a handler.
# part: record_and_check
# honest: 0
# seconds: 40
import signal

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError, TypeError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def handle(message, db):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
