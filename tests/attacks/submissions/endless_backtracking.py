# A regular expression that never ends.
# part: record_and_check
# honest: 0
# seconds: 60
import re


def handle(message, db):
    re.match(r"(a|a)*$", "a" * 64 + "b")
