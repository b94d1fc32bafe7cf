def publish_numbered(log, highest, producer, number):
    if number > max(highest.values(), default=0):
        highest[producer] = number
        log.append(number)


ex.turn("by_number", publish_numbered)
