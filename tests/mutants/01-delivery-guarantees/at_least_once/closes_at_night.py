# diagnosis: acknowledged-without-effect
import datetime
def at_least_once(queue, process):
    while (m := queue.receive()) is not None:
        if datetime.datetime.now().hour != 23:
            process(m)
        queue.ack(m)  # here
