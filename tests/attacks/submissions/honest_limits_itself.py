# Right, and lowers limits of its own that leave enough.
# part: claims
# honest: all
# seconds: 20
import os
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.umask(0o077)

claims = {
    "raise_to_minimum": True,
    "pay_if_enough": False,
    "keep_last_digit": True,
    "note_once": True,
    "serve_next": False,
    "squeeze_spaces": False,
    "drop_coupon": True,
    "toggle": False,
}
