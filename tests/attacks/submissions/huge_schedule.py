# A schedule of fifteen million letters.
# part: break_it
# honest: 0
# seconds: 20
schedule = 'A' * 15_000_000
