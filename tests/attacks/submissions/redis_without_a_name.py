# A command of Redis without a name.
# part: record_and_check_redis
# honest: 0
# seconds: 60
def handle(message, r):
    r.execute_command("")
    r.execute_command(" ")
