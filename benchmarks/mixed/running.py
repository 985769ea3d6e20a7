# SPDX-License-Identifier: Apache-2.0
"""Starting, checking, loading and ending servers. Loopback only; processes are ended by their pid only."""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time

from cases import PLAIN_BODY, PLAIN_CONNECTIONS, THUMB_WIDTH
from photographs import jpeg_size

HOST = "127.0.0.1"
START_SECONDS = 15
STOP_SECONDS = 10
WARM_UP = 0.3


class Failed(Exception):
    """A server that did not start, answered wrongly, or ended badly."""


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


class Running:
    """A server process, from its first accepted connection to its end."""

    def __init__(self, server, command, port, log):
        self.server, self.port, self.log = server, port, log
        with open(log, "wb") as file:
            # A session of its own: Ctrl-C reaches us alone, and we end our children in order.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        try:
            self._wait_until_it_accepts()
            return self
        except BaseException:
            self._kill()
            raise

    def __exit__(self, kind, *_):
        if kind is not None:
            self._kill()
            return
        status = self.end()
        if status != 0 and self.server.ours:
            raise Failed(f"ended with {status_in_words(status)} after SIGTERM{self.last_words()}")

    def _wait_until_it_accepts(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise Failed(f"did not start: {status_in_words(self.process.returncode)}"
                             f"{self.last_words()}")
            with contextlib.suppress(OSError):
                socket.create_connection((HOST, self.port), 1).close()
                return
            if time.monotonic() > deadline:
                raise Failed(f"accepts no connection on {HOST}:{self.port} after "
                             f"{START_SECONDS} s{self.last_words()}")
            time.sleep(0.02)

    def end(self):
        """Asks it to stop; kills it if it does not. The exit status; None if it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill()
                return None
        return self.process.returncode

    def _kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def last_words(self):
        with contextlib.suppress(OSError):
            text = self.log.read_text(errors="replace").strip()
            if text:
                return "; it said: " + text[-600:]
        return ""

    def cpu_seconds(self):
        """CPU time of the process with all its threads, finished ones too: the kernel's clock for it."""
        try:
            return time.clock_gettime((~self.process.pid << 3) | 2)
        except OSError as e:
            raise Failed(f"is gone{self.last_words()}") from e

    def get(self, path):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type", ""), answer.read()
        except (OSError, http.client.HTTPException) as e:
            raise Failed(f"gives no answer to {path}: {e!r}{self.last_words()}") from e
        finally:
            connection.close()


def status_in_words(status):
    if status is None:
        return f"no exit within {STOP_SECONDS} s"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def expect(truth, what):
    if not truth:
        raise Failed(what)


def check_common(running):
    """The routes that every server has, once each."""
    for path in ("/plain", "/compute?ms=2", "/block?ms=2"):
        status, _, body = running.get(path)
        expect(status == 200, f"answers {path} with {status}: {body[:100]!r}")
        expect(path != "/plain" or body == PLAIN_BODY.encode(), f"answers /plain with {body[:100]!r}")


def check(running, photo):
    """Every route once, before anything is measured. Returns the routes that this server has not."""
    check_common(running)
    missing = set()
    status, kind, body = running.get(f"/thumb?src={photo}&w={THUMB_WIDTH}")
    if status == 501:
        missing.add("/thumb")
    else:
        expect(status == 200, f"answers /thumb with {status}: {body[:100]!r}")
        size = jpeg_size(body)
        expect(kind == "image/jpeg" and size and size[0] == THUMB_WIDTH,
               f"answers /thumb with {kind}, size {size}, not a JPEG {THUMB_WIDTH} wide")
    for path in ("/compute?ms=soon", "/nothing-here", "/thumb?src=../secret&w=10"):
        status, _, _ = running.get(path)
        expect(400 <= status < 500 or status == 501, f"answers {path} with {status}, not with 4xx")
    if running.server.ours:
        status, _, body = running.get("/metrics")
        expect(status == 200 and b'serve_requests_total{route="/plain"} ' in body,
               f"answers /metrics with {status}: {body[:100]!r}")
    return missing


def start_load(program, port, seconds, connections, paths, body=None, rate=0):
    command = [str(program), "-p", str(port), "-c", str(connections), "-d", str(seconds),
               "-w", str(WARM_UP), "-r", str(rate)]
    for path in paths:
        command += ["-u", path]
    if body is not None:
        command += ["-x", body]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            start_new_session=True)


def finish_load(load, seconds):
    try:
        out, error = load.communicate(timeout=seconds + 30)
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    if load.returncode != 0:
        raise Failed(f"the load generator ended: {error.decode(errors='replace').strip()}")
    result = json.loads(out)
    # What was still unanswered at the end has waited at least as long.
    result["max_us"] = max(result["max_us"], result["oldest_open_us"])
    result["wrong"] = result["not_200"] + result["wrong_body"]
    return result


@contextlib.contextmanager
def loads_ended(loads):
    """Whatever happens, the load generators started meanwhile are gone afterwards."""
    try:
        yield
    finally:
        for load in loads:
            if load.poll() is None:
                load.kill()
            load.wait()


def crash_under_load(running, program, case, photos, seconds):
    """Kills the worker process of one /parse while others, and /plain, go on: {"plain": {...}, "parse": {...}, "status": 502,
    "said": ..., "ms": ...}."""
    loads = []
    with loads_ended(loads):
        loads.append(start_load(program, running.port, seconds, case.connections, case.paths(photos)))
        loads.append(start_load(program, running.port, seconds, PLAIN_CONNECTIONS, ["/plain"], PLAIN_BODY))
        time.sleep(WARM_UP + seconds / 2)
        start = time.monotonic()
        status, _, said = running.get(f"/parse?src={photos[0]}&crash=1")
        took = time.monotonic() - start
        parse, plain = [finish_load(load, seconds) for load in loads]
    expect(status == 502, f"answers a /parse whose worker was killed with {status}: {said[:100]!r}")
    for route, load in (("/plain", plain), ("/parse", parse)):
        expect(load["requests"] > 0, f"answered no {route} while a worker was killed")
        expect(load["wrong"] == 0, f"answered {load['wrong']} of the other requests for {route} wrongly when a worker was killed")
    again, _, body = running.get(f"/parse?src={photos[0]}")
    expect(again == 200, f"answers /parse with {again} after a worker was killed: {body[:100]!r}")
    return {"plain": plain, "parse": parse, "status": status, "said": said.decode(errors="replace"), "ms": took * 1e3}


def measure(running, program, case, photos, seconds, rate=0):
    """One case on one running server: {"plain": {...}, "beside": {...} or None, "cores": ...}. rate: requests a second on
    /plain in an open loop; 0: a closed one."""
    loads = []
    cpu, start = running.cpu_seconds(), time.monotonic()
    with loads_ended(loads):
        if case.connections:
            loads.append(start_load(program, running.port, seconds, case.connections,
                                    case.paths(photos)))
        loads.append(start_load(program, running.port, seconds, PLAIN_CONNECTIONS, ["/plain"],
                                PLAIN_BODY, rate))
        results = [finish_load(load, seconds) for load in reversed(loads)]
    cores = (running.cpu_seconds() - cpu) / (time.monotonic() - start)
    plain, beside = results[0], results[1] if len(results) > 1 else None
    expect(plain["requests"] > 0, f"answered no /plain within {seconds} s, {case.title}")
    return {"plain": plain, "beside": beside, "cores": cores}
