# A schedule in letters that only look like those that there are.
# part: break_it
# honest: 0
# seconds: 20
schedule = "\uff21\uff21\uff0b\uff21\uff22\uff22" + "\u202e\u0410\u0412\x00"
