# Asks the network for the answer.
# part: record_and_check
# honest: 0
# seconds: 20
import socket
import urllib.request

ANSWER = None
for address in ("http://127.0.0.1:8888/", "http://192.0.2.1/", "http://example.invalid/"):
    try:
        ANSWER = urllib.request.urlopen(address, timeout=2).read()
    except Exception:
        pass
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family)
        ANSWER = "a socket"
    except Exception:
        pass
if ANSWER is None:
    raise RuntimeError("no network")
