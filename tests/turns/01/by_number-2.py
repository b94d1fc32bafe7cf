def publish_numbered(log, highest, producer, number):
    if number != highest.get(producer):
        log.append(number)
    highest[producer] = number


ex.turn("by_number", publish_numbered)
