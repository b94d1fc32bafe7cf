# Its claims have keys that are nested deeply.
# part: claims
# honest: 0
# seconds: 20
key = ()
for _ in range(500):
    key = (key,)
claims = {key: True}
