def log_and_go_on(message, process, ack):
    for _ in range(3):
        try:
            process(message)
            break
        except Exception:
            pass
    ack(message)


ex.turn("log_and_go_on", log_and_go_on)
