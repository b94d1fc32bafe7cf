def publish_numbered(log, highest, producer, number):
    if number <= highest.get(producer, 0):
        return
    highest[producer] = number
    log.append(number)


ex.turn("by_number", publish_numbered)
