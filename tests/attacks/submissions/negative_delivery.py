# Performs the last delivery by the number -1.
# part: at_most_once
# honest: 0
# seconds: 20
from redelivery.simulation.operations import Acknowledge, Perform


def at_most_once(queue, process):
    while queue.receive() is not None:
        queue._ask(Perform(-1))
        queue._ask(Acknowledge(-1))
