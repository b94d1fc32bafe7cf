def log_and_go_on(message, process, ack):
    try:
        process(message)
    except Exception:
        return  # a line for the log
    ack(message)


ex.turn("log_and_go_on", log_and_go_on)
