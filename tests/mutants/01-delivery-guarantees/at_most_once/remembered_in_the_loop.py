# diagnosis: ack-after-effect
def at_most_once(queue, process):
    done = set()
    for message in iter(queue.receive, None):
        if message.id not in done:
            process(message)  # here
            done.add(message.id)
        queue.ack(message)  # here
