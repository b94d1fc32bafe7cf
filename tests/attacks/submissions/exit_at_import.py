# Ends the interpreter while the cell is executed.
# part: record_and_check
# honest: 0
# seconds: 20
import ctypes

ctypes.CDLL(None)._exit(0)
