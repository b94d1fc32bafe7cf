# Never ends, inside one call.
# part: record_and_check
# honest: 0
# seconds: 60
def handle(message, db):
    sum(range(10**15))
