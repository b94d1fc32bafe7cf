# Acknowledges deliveries that it has never received.
# part: at_least_once
# honest: 0
# seconds: 20
from redelivery.simulation.operations import Acknowledge, Perform


def at_least_once(queue, process):
    for number in (0, 1, 2, -1, 10**6):
        try:
            queue._ask(Perform(number))
            queue._ask(Acknowledge(number))
        except Exception:
            pass
