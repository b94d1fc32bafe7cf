# Right, and tries what is refused, as a curious learner would.
# part: claims
# honest: all
# seconds: 20
import os
import resource

for attempt in (
    lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)),
    lambda: os.nice(5),
    lambda: os.sched_setaffinity(0, {0}),
    lambda: os.memfd_create('x'),
):
    try:
        attempt()
    except Exception as error:
        print(type(error).__name__)

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
