# Fills as many pipes as it may open.
# part: claims
# honest: 0
# seconds: 20
import fcntl
import os

kept = []
try:
    for number in range(60):
        kept.append(os.pipe())
        try:
            fcntl.fcntl(kept[-1][1], 1031, 1 << 20)
        except OSError:
            pass
        os.set_blocking(kept[-1][1], False)
        os.write(kept[-1][1], bytes(1 << 20))
except OSError:
    pass

claims = {
    "raise_to_minimum": True,
    "pay_if_enough": False,
    "keep_last_digit": True,
    "note_once": True,
    "serve_next": False,
    "squeeze_spaces": False,
    "drop_coupon": True,
    "toggle": True,
}
