# Never ends.
# part: record_and_check
# honest: 0
# seconds: 40
def handle(message, db):
    while True:
        pass
