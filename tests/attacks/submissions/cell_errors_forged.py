# Says of its cells what no page can show, and that nothing was executed.
# part: claims
# honest: 0
# seconds: 20
import redelivery.simulation.child as child
from redelivery.simulation.program import SourceProgram


def opened(self, cells):
    self._program = SourceProgram([])
    return [["claims", "\x00\x1b[31m\n\ud800<script>" * 9, "x", 10**4000]]


child._Answers._open = opened

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
