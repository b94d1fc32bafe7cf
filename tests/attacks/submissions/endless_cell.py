# A cell that never ends and catches whatever wants to end it.
# part: record_and_check
# honest: 0
# seconds: 90
import ctypes
import signal

ctypes.CDLL(None).signal(signal.SIGALRM, 1)
sum(range(10**15))
