#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weft-serve's routes on uvicorn (uvloop, httptools): /plain, /compute?ms=N, /block?ms=N, /thumb?src=NAME&w=N.

Computations run in the event loop (the default), or in a pool of threads or processes. Blocking calls always go to a
thread pool of their own, with run_in_executor. /thumb needs Pillow (Debian: python3-pil); without it, it answers 501.
"""
import argparse
import asyncio
import io
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from urllib.parse import parse_qsl

try:
    import uvicorn
    import uvloop  # noqa: F401  uvicorn finds it by itself; a missing one should be said now
except ImportError as e:
    sys.exit(f"{sys.argv[0]}: {e}: install Debian's uvicorn, python3-uvloop and python3-httptools")
try:
    from PIL import Image
except ImportError:
    Image = None

FIB_UNIT = 12  # fib(FIB_UNIT) is one unit of work, some tens of microseconds


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def measure_unit():
    best = float("inf")
    for _ in range(500):
        start = time.perf_counter()
        fib(FIB_UNIT)
        best = min(best, time.perf_counter() - start)
    return best


unit_seconds = measure_unit()  # child processes inherit it


def spend(ms):
    """Spends about ms milliseconds of CPU time."""
    for _ in range(int(ms / 1e3 / unit_seconds)):
        fib(FIB_UNIT)


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def thumbnail(jpeg, width):
    """The same steps as weft-serve: decode at a reduced size that is still twice too wide, then average areas."""
    picture = Image.open(io.BytesIO(jpeg))
    width = min(width, picture.width)
    height = max(1, round(picture.height * width / picture.width))
    picture.draft("RGB", (2 * width, 2 * height))
    out = io.BytesIO()
    picture.convert("RGB").resize((width, height), Image.Resampling.BOX).save(out, "JPEG", quality=82)
    return out.getvalue()


PLAIN_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")],
}
PLAIN_BODY = {"type": "http.response.body", "body": b"Hello, World!"}


class BadRequest(Exception):
    pass


def number(query, name, least, most):
    try:
        value = int(query[name])
    except (KeyError, ValueError):
        value = least - 1
    if not least <= value <= most:
        raise BadRequest(f"{name} must be a whole number from {least} to {most}")
    return value


class App:
    def __init__(self, options):
        self.compute_pool = None
        if options.compute == "thread":
            self.compute_pool = ThreadPoolExecutor(options.compute_workers)
        elif options.compute == "process":
            self.compute_pool = ProcessPoolExecutor(options.compute_workers)
            self.compute_pool.submit(spend, 0).result()  # start the processes before the event loop
        self.block_pool = ThreadPoolExecutor(options.block_threads)
        self.photos = {entry.name: entry.path for entry in os.scandir(options.photos)} if options.photos else {}

    async def compute(self, work, *args):
        if self.compute_pool is None:
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self.compute_pool, work, *args)

    async def block(self, call, *args):
        return await asyncio.get_running_loop().run_in_executor(self.block_pool, call, *args)

    async def answer(self, path, query):
        if path == "/thumb":
            width = number(query, "w", 1, 4096)
            if Image is None:
                return 501, b"text/plain", b"/thumb needs Pillow"
            if query.get("src") not in self.photos:
                return 404, b"text/plain", b"no such photograph"
            jpeg = await self.block(read_file, self.photos[query["src"]])
            return 200, b"image/jpeg", await self.compute(thumbnail, jpeg, width)
        if path == "/compute":
            await self.compute(spend, number(query, "ms", 0, 60000))
        elif path == "/block":
            await self.block(time.sleep, number(query, "ms", 0, 60000) / 1e3)
        else:
            return 404, b"text/plain", b""
        return 200, b"text/plain", b"Hello, World!"

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/plain":  # nothing in its way
            await send(PLAIN_HEAD)
            await send(PLAIN_BODY)
            return
        try:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {}
            status, kind, body = await self.answer(scope["path"], query)
        except BadRequest as e:
            status, kind, body = 400, b"text/plain", str(e).encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--compute", choices=("inline", "thread", "process"), default="inline")
    parser.add_argument("--compute-workers", type=int, default=2)
    parser.add_argument("--block-threads", type=int, default=64)
    parser.add_argument("--photos", help="folder of the photographs for /thumb")
    options = parser.parse_args()
    uvicorn.run(App(options), host="127.0.0.1", port=options.port, loop="uvloop", http="httptools", lifespan="off",
                access_log=False, log_level="error", backlog=4096, timeout_keep_alive=3600)


if __name__ == "__main__":
    main()
