def insist(action, *arguments, on):
    for _ in range(2):
        try:
            return action(*arguments)
        except on:
            continue
    return action(*arguments)


def at_least_once(queue, process):
    for message in iter(queue.receive, None):
        insist(process, message, on=RuntimeError)
        insist(queue.ack, message, on=ConnectionError)
