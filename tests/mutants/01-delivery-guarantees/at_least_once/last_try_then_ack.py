# diagnosis: swallowed-error
import time


def work(process, message, tries=4):
    while tries:
        tries -= 1
        try:
            process(message)
            return True
        except Exception:  # here
            time.sleep(0.1)
    return False


def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        if not work(process, message):
            print("giving up on", message.id)
        queue.ack(message)  # here
