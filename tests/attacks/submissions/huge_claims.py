# Its claims have a name of twenty million letters.
# part: claims
# honest: 0
# seconds: 20
claims = {'x' * 20_000_000: True}
