def publish_numbered(log, highest, producer, number):
    log.append(number)


ex.turn("by_number", publish_numbered)
