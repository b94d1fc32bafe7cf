# Takes all files from itself, and then all time.
# part: claims
# honest: 0
# seconds: 20
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
while True:
    pass
