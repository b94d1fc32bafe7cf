def relay(outbox, send):
    for identity, text in list(outbox.items()):
        try:
            send(identity, text)
        except ConnectionError:
            pass
    outbox.clear()


ex.turn("relay", relay)
