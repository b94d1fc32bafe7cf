def relay(outbox, send):
    for identity, text in list(outbox.items()):
        try:
            send(identity, text)
        except ConnectionError:
            continue
        del outbox[identity]


ex.turn("relay", relay)
