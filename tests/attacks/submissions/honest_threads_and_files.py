# Right, with threads, files, a pool and an event loop on the way.
# part: claims
# honest: all
# seconds: 20
import asyncio
import concurrent.futures
import tempfile

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert list(pool.map(abs, [-1, 2])) == [1, 2]
with tempfile.TemporaryDirectory() as folder, open(f'{folder}/x', 'w') as file:
    file.write('x' * 100_000)
asyncio.run(asyncio.sleep(0))

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
