# A schedule of letters that nobody can read.
# part: break_it
# honest: 0
# seconds: 20
schedule = '\x00\x1b[31m\ud800\u202e+A' * 50
