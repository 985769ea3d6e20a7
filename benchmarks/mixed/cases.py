# SPDX-License-Identifier: Apache-2.0
"""What is measured: the four cases, and the servers that take part."""
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

THUMB_WIDTH = 320
PLAIN_CONNECTIONS = 32
PLAIN_BODY = "Hello, World!"


@dataclass(frozen=True)
class Case:
    """32 connections on /plain, beside others on a request of another kind."""
    key: str
    title: str
    says: str
    route: str = ""
    connections: int = 0
    query: str = "ms=20"

    def paths(self, photos):
        """The background's requests, sent in turn; photos are file names."""
        if self.route == "/thumb":
            return [f"/thumb?src={name}&w={THUMB_WIDTH}" for name in photos]
        if self.route == "/parse":
            return [f"/parse?src={name}" for name in photos]
        return [f"{self.route}?{self.query}"] if self.route else []


CASES = [
    Case("alone", "/plain alone", "Nothing but small answers: the price of the server itself."),
    Case("compute", "/plain beside computations",
         "Four clients ask for 20 ms of CPU time each, again and again.", "/compute", 4),
    Case("thumb", "/plain beside thumbnails",
         "Four clients ask for thumbnails of photographs: a file is read, decoded, scaled and "
         "encoded.", "/thumb", 4),
    Case("block", "/plain beside blocking calls",
         "64 clients ask for a call that blocks its thread for 20 ms.", "/block", 64),
]


# Not measured against others: nobody else has such a route.
CRASH = Case("crash", "a worker process killed under load",
             "32 clients ask for /plain and 8 for /parse, which decodes photographs in worker processes; one of these is killed in "
             "the middle of a call.", "/parse", 8)


@dataclass(frozen=True)
class Server:
    key: str
    label: str
    about: str
    binary: str  # a target's name, or a script's path in the repository
    options: tuple = ()
    todays_loop: bool = False  # a single-threaded loop that people use: what weft is compared with
    ours: bool = False  # its failure is fatal
    twin_of: str = ""   # the same program measured twice: how much two equal things differ here
    takes_photos: bool = True

    def command(self, build, port, photos):
        path = ROOT / self.binary if "/" in self.binary else find_binary(build, self.binary)
        photos = ["--photos", str(photos)] if self.takes_photos else []
        return [str(path), "--port", str(port), *photos, *self.options]


SERVERS = [
    Server("weft", "weft, all cores", "the example server, a worker on each core", "weft-serve",
           ours=True),
    Server("weft-again", "weft, all cores (again)", "the same once more: the noise", "weft-serve",
           ours=True, twin_of="weft"),
    Server("weft-1", "weft, one thread", "the same handlers on one worker without spares; what blocks on a pool", "weft-serve",
           ("--single-threaded", "--block", "pool"), ours=True),
    Server("uvicorn", "uvicorn on uvloop", "Python's fast loop; computations in the loop",
           "benchmarks/peers/io/uvicorn/web.py", todays_loop=True),
    Server("beast", "Boost.Beast, one thread",
           "Asio coroutines on one event loop; computations in the loop", "peer-beast",
           todays_loop=True),
    Server("beast-offload", "Boost.Beast, pool by hand",
           "the same loop; computations handed to a pool of one thread", "peer-beast",
           ("--offload", "1")),
]
DEFAULT = ["weft", "weft-again", "weft-1", "uvicorn", "beast"]


class NotBuilt(Exception):
    pass


def find_binary(build, name):
    for folder in ("bin", "examples/serve", "benchmarks/peers/io"):
        if (build / folder / name).is_file():
            return build / folder / name
    raise NotBuilt(f"{name} is not in {shown(build)}: build it with tools/demo, or with "
                   f"cmake --preset release && cmake --build --preset release --target {name}")


def shown(path):
    """A path as a user of the repository would write it."""
    try:
        return str(Path(path).resolve().relative_to(ROOT))
    except ValueError:
        return str(path)
