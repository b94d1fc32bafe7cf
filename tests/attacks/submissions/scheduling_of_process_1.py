# Lets process 1 run only where nobody else wants to.
# part: claims
# honest: 0
# seconds: 20
import os

try:
    os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))
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
