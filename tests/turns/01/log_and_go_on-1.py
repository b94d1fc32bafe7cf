def log_and_go_on(message, process, ack):
    ack(message)
    process(message)


ex.turn("log_and_go_on", log_and_go_on)
