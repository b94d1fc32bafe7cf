# diagnosis: wrong-effect
def at_most_once(queue, process):
    jobs = []
    while True:
        delivery = queue.receive()
        if delivery is None:
            break
        message = delivery
        queue.ack(message)
        jobs.append(lambda: process(message))  # here
    for job in jobs:
        job()  # here
