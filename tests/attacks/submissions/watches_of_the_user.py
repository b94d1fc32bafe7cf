# Uses up what the kernel gives to one user: watches, keys, queues.
# part: claims
# honest: 0
# seconds: 20
import ctypes

libc = ctypes.CDLL(None)

for number in range(300):
    libc.inotify_init()
    libc.syscall(248, b'user', str(number).encode(), b'x' * 100, 100, -2)
    libc.syscall(240, f'/{number}'.encode(), 0o102, 0o600, 0)
    libc.shmget(number + 1, 1 << 20, 0o1666)

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
