# SPDX-License-Identifier: Apache-2.0
"""The machine: its description, and the lock that keeps two measurements apart."""
import contextlib
import datetime
import fcntl
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

from cases import ROOT


def lock_path():
    if "WEFT_BENCH_LOCK" in os.environ:
        return Path(os.environ["WEFT_BENCH_LOCK"])
    return Path(tempfile.gettempdir()) / "weft-bench.lock"


@contextlib.contextmanager
def alone(on_wait):
    """Holds the machine-wide lock: everybody who measures on this machine takes it."""
    path = lock_path()
    # Without O_CREAT first: the kernel refuses it on another user's file in a sticky folder.
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(f"another measurement holds {path}: waiting for it")
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def first_match(pattern, path):
    with contextlib.suppress(OSError):
        found = re.search(pattern, Path(path).read_text(errors="replace"), re.MULTILINE)
        return found.group(1).strip() if found else None


def output_of(*command):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()


def describe():
    memory = first_match(r"^MemTotal:\s*(\d+)", "/proc/meminfo")
    return {
        "processor": first_match(r"^model name\s*: (.*)$", "/proc/cpuinfo") or platform.machine(),
        "cores usable": len(os.sched_getaffinity(0)),
        "memory": f"{int(memory) / 2**20:.1f} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": first_match(r'^PRETTY_NAME="?([^"\n]*)', "/etc/os-release") or "unknown",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
        "date": datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
    }


def python_packages(*names):
    """Versions of what the system's Python has: the one that runs the peer server."""
    script = ("import importlib.metadata as m, sys\n"
              "for name in sys.argv[1:]:\n"
              "    try: print(name, m.version(name))\n"
              "    except m.PackageNotFoundError: pass")
    found = output_of("/usr/bin/python3", "-c", script, *names) or ""
    return dict(line.split() for line in found.splitlines())


def versions(build):
    weft = first_match(r"^project\(weft VERSION ([\d.]+)", ROOT / "CMakeLists.txt") or "unknown"
    commit = output_of("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*")
    cache = build / "CMakeCache.txt"
    kind = first_match(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache) or "unknown"
    flags = first_match(rf"^CMAKE_CXX_FLAGS_{kind.upper()}:\w+=(.*)$", cache) or ""
    compiler = first_match(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache)
    boost = first_match(r'^#define BOOST_LIB_VERSION "([\d_]+)"', "/usr/include/boost/version.hpp")
    found = {
        "weft": f"{weft} ({commit})" if commit else weft,
        "build": f"{kind} {flags}".strip(),
        "compiler": (output_of(compiler, "--version") or compiler).splitlines()[0] if compiler else None,
        "Boost": boost.replace("_", ".") if boost else None,
        "Python": (output_of("/usr/bin/python3", "--version") or "").removeprefix("Python "),
        **python_packages("uvicorn", "uvloop", "httptools", "Pillow"),
    }
    return {name: version for name, version in found.items() if version}
