# Its claims are lists within lists, six hundred deep.
# part: claims
# honest: 0
# seconds: 20
claims = []
for _ in range(600):
    claims = [claims]
claims = {'raise_to_minimum': claims}
