# diagnosis: swallowed-error
def at_least_once(queue, process):
    for m in iter(queue.receive, None):
        try:
            try:
                process(m)
            finally:
                queue.ack(m)  # here
        except RuntimeError:  # here
            print("x")
