#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: small answers must stay fast while computations, photographs or blocking calls keep the server busy.

Runs weft's example server on all cores and on one, uvicorn on uvloop, and Boost.Beast on one event loop, in turn and
in several rounds; prints one table and writes a report. All traffic stays on 127.0.0.1. Under four minutes.
"""
import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import cases
import machine
import photographs
import report
import summary
from running import WARM_UP, Failed, Running, check, crash_under_load, free_port, measure

START_AND_STOP = 0.9  # seconds that a server's start, check and end take, about

OK, FAILED, BAD_USAGE, PEER_MISSING, INTERRUPTED = 0, 1, 2, 3, 130


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 all ran and all answers were right; 1 weft failed, or an answer was wrong; 2 bad usage;"
               "\n3 a peer could not run, the rest did. WEFT_BENCH_LOCK names the file that is locked meanwhile.")
    parser.add_argument("--photos", metavar="DIR", help="photographs (JPEG) to make thumbnails of; default: those of "
                        "the machine's wallpaper packages")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured time of each step (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of half-second steps: does everything work?")
    parser.add_argument("--only", metavar="NAMES", default=",".join(cases.DEFAULT),
                        help="servers, with commas, of: " + ", ".join(s.key for s in cases.SERVERS)
                        + " (default: all but beast-offload)")
    parser.add_argument("--build", metavar="DIR", type=Path, default=cases.ROOT / "build/release",
                        help="where the programs were built (default: build/release)")
    parser.add_argument("--out", metavar="FILE", type=Path, default=cases.ROOT / "build/demo/report.html",
                        help="the report (default: build/demo/report.html)")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
    if not 1 <= options.rounds <= 1000:
        parser.error(f"--rounds: {options.rounds} is not from 1 to 1000")
    if not 0.1 <= options.seconds <= 600:
        parser.error(f"--seconds: {options.seconds} is not from 0.1 to 600")
    wanted = options.only.split(",")
    known = {s.key for s in cases.SERVERS}
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"--only: unknown server {', '.join(map(repr, unknown))} (known: {', '.join(sorted(known))})")
    options.servers = [s for s in cases.SERVERS if s.key in wanted]
    if options.out.is_dir():
        parser.error(f"--out: {options.out} is a folder")
    return options


class Progress:
    """One line per step; on a terminal it is rewritten in place."""

    def __init__(self, steps, seconds_per_step):
        self.steps, self.seconds_per_step, self.done = steps, seconds_per_step, 0
        self.on_terminal = sys.stdout.isatty()

    def step(self, number, server, case):
        self.done += 1
        left = (self.steps - self.done + 1) * self.seconds_per_step
        self.show(f"[{self.done}/{self.steps}] round {number}, {server.label}: {case.title}"
                  f"  ({int(left) // 60}:{int(left) % 60:02} left)")

    def skip(self, steps):
        self.done += steps

    def show(self, line):
        if self.on_terminal:
            print(f"\r\x1b[K{line[:110]}", end="", flush=True)
        else:
            print(line, flush=True)

    def say(self, line):
        if self.on_terminal:
            print("\r\x1b[K", end="")
        print(line, flush=True)


def loses_a_worker(server):
    return server.ours and not server.options and not server.twin_of


class Demo:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.load = cases.find_binary(options.build, "weft-load")
        self.photos = photographs.link_into(folder, options.photographs)
        self.runs = {}
        self.crashes = []   # one for each worker process that was killed under load
        self.problems = {}  # label of a server -> what went wrong
        self.fatal = False
        self.missing = {}   # server key -> routes it has not
        steps = options.rounds * (len(options.servers) * len(cases.CASES) + self.kills)
        self.progress = Progress(steps, self.seconds / steps)

    @property
    def seconds(self):
        """About how long all of it takes."""
        step = self.options.seconds + WARM_UP + 0.05
        each = len(cases.CASES) * step + START_AND_STOP
        return self.options.rounds * (len(self.options.servers) * each + self.kills * step)

    @property
    def kills(self):
        """Worker processes that are killed in each round: only one of our servers has any."""
        return sum(map(loses_a_worker, self.options.servers))

    def run(self):
        for number in range(1, self.options.rounds + 1):
            # Held a round at a time: others who measure get their turn in between.
            with machine.alone(self.progress.say):
                for server in self.options.servers:
                    if server.label in self.problems:
                        self.progress.skip(len(cases.CASES))
                        continue
                    try:
                        self.run_server(server, number)
                    except (Failed, cases.NotBuilt) as e:
                        self.report_problem(server, str(e))
                        if self.fatal:
                            return

    def run_server(self, server, number):
        port = free_port()
        command = server.command(self.options.build, port, self.folder)
        with Running(server, command, port, self.folder / f"{server.key}.log") as running:
            if server.key not in self.missing:
                self.missing[server.key] = check(running, self.photos[0])
            for case in cases.CASES:
                self.progress.step(number, server, case)
                if case.route in self.missing[server.key]:
                    continue
                result = measure(running, self.load, case, self.photos, self.options.seconds)
                self.runs.setdefault((server.key, case.key), []).append(result)
            if loses_a_worker(server):
                self.progress.step(number, server, cases.CRASH)
                self.crashes.append(crash_under_load(running, self.load, cases.CRASH, self.photos, self.options.seconds))

    def report_problem(self, server, what):
        self.problems[server.label] = what
        self.fatal = self.fatal or server.ours
        self.progress.say(f"demo: {server.label}: {what}")


def method(options):
    return {
        "order": f"rounds: {options.rounds}; in each, the servers in turn, each started anew and with all four cases",
        "each step": f"{options.seconds:g} s measured after {WARM_UP:g} s of warm-up; closed loops, one request in flight per "
                     "connection; the worst latency counts what was still unanswered at the end",
        "figures": "medians over the rounds; rates of complete answers; every answer's status is checked, /plain's "
                   "body too",
        "cores": "nothing is pinned: server and load generator share the machine",
        "computations": "Fibonacci recursions in units of some tens of microseconds, calibrated when a server starts: 20 ms "
                        "mean 20 ms of CPU time in C++ and in Python",
        "thumbnails": f"{len(options.photographs)} photographs, "
                      f"{sum(p.stat().st_size for p in options.photographs) / 2**20:.1f} MiB, made "
                      f"{cases.THUMB_WIDTH} pixels wide; the same code in weft-serve and peer-beast, Pillow in uvicorn",
        "blocking calls": "a sleep of 20 ms in a system call; each server runs them in a pool of 64 threads",
    }


def finish(demo, options, about, versions):
    measured = summary.summarise(demo.runs, options.servers)
    verdict = summary.verdict(measured, demo.runs, demo.crashes, demo.problems, demo.fatal)
    demo.progress.say("")
    if not demo.runs:
        print(f"verdict: {verdict}")
        return FAILED if demo.fatal else PEER_MISSING
    print(summary.table_text(measured))
    print(summary.crashes_text(demo.crashes))
    print("* the best of today's single-threaded loops; ±: half the distance between the best and the worst round; others: the "
          "requests beside /plain")
    for server in options.servers:
        for route in sorted(demo.missing.get(server.key, ())):
            print(f"n/a: {server.label} has no {route} here (python3-pil is not installed)")
    if twins := summary.same_against_same(measured):
        print("A/A, weft against itself: " + ", ".join(f"{key} {ratio:.2f}" for key, ratio in twins.items())
              + "; smaller differences mean nothing")
    report.write(options.out, verdict=verdict, summary=measured, runs=demo.runs, servers=options.servers,
                 machine=about, versions=versions, method=method(options), problems=demo.problems, crashes=demo.crashes)
    print(f"report: {cases.shown(options.out)}")
    print(f"verdict: {verdict}")
    if demo.fatal or summary.wrong_answers(demo.runs):
        return FAILED
    return PEER_MISSING if demo.problems else OK


def main():
    options = parse_arguments()
    # An end from outside takes the same way out as Ctrl-C: servers are stopped, files removed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        options.photographs = photographs.find(options.photos)
        about, versions = machine.describe(), machine.versions(options.build)
        with tempfile.TemporaryDirectory(prefix="weft-demo-") as folder:
            demo = Demo(options, Path(folder))
            print(f"demo: {len(options.servers)} servers, {len(cases.CASES)} cases, rounds: {options.rounds}, about "
                  f"{demo.seconds / 60:.1f} minutes; {about['processor']}, {about['cores usable']} cores", flush=True)
            demo.run()
            return finish(demo, options, about, versions)
    except (photographs.NoPhotographs, cases.NotBuilt, OSError) as e:
        print(f"demo: {e}", file=sys.stderr)
        return BAD_USAGE if isinstance(e, photographs.NoPhotographs) else FAILED
    except KeyboardInterrupt:
        print("\ndemo: interrupted; all servers are stopped", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
