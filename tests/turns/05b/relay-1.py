def relay(outbox, send):
    for identity in list(outbox):
        send(identity, outbox.pop(identity))


ex.turn("relay", relay)
