# Answers that each call returned, whatever it is asked.
# part: record_and_check
# honest: 0
# seconds: 20
import redelivery.simulation.child as child

child._Answers.to = lambda self, message: [] if message[0] == "open" else {"r": {"n": ["Returned", None]}, "l": None}


def handle(message, db):
    return
