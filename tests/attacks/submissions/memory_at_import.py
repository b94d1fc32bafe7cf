# Takes what memory it can get when its cells are executed.
# part: claims
# honest: 0
# seconds: 20
hoard = []
try:
    while True:
        hoard.append(bytearray(1 << 27))
        hoard[-1][::4096] = b'x' * len(hoard[-1][::4096])
except MemoryError:
    hoard.clear()

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
