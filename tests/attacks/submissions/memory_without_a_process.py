# Keeps memory in files that have no name and count for no process.
# part: claims
# honest: 0
# seconds: 20
import os

kept = []
try:
    for number in range(100):
        kept.append(os.memfd_create(str(number)))
        os.write(kept[-1], bytes(30 << 20))
except Exception:
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
