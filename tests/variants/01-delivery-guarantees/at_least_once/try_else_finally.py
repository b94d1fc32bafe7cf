def at_least_once(queue, process):
    done = 0
    for message in iter(queue.receive, None):
        try:
            process(message)
        except RuntimeError:
            print("failed:", message.id)
            raise
        else:
            queue.ack(message)
            done += 1
        finally:
            print(done, "done so far")
