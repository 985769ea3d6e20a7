# SPDX-License-Identifier: Apache-2.0
"""Rounds of weft_bench: a process for each figure of each peer, the peers in turn."""
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

AGAIN = "weft-again"  # weft once more, under another name: how much two equal things differ
FLOOR = "floor"
STANDARD = {"name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions",
            "repetition_index", "threads", "iterations", "real_time", "cpu_time", "time_unit",
            "error_occurred", "error_message"}
# Programs of their own (peers/timers), where they were built: how many tasks they are asked for.
PROGRAMS = {"timers_100k": 100_000, "timers_1m": 1_000_000}
PROCESS_LIMIT = 300  # seconds; the longest takes some tens


class Failed(Exception):
    pass


@dataclass(frozen=True)
class Bench:
    """<workload>/<peer>/w<workers> in weft_bench."""
    workload: str
    peer: str
    workers: int

    @staticmethod
    def parse(name):
        workload, peer, workers = name.split("/")[:3]
        return Bench(workload, peer, int(workers.removeprefix("w")))


def environment():
    # A debug runtime is not what is measured.
    return {k: v for k, v in os.environ.items() if k != "WEFT_DEBUG"}


def call(program, *arguments):
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment(),
                              timeout=PROCESS_LIMIT)
    except subprocess.TimeoutExpired:
        raise Failed(f"did not end within {PROCESS_LIMIT} s") from None
    except OSError as e:
        raise Failed(str(e)) from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("***WARNING***")]
        what = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        raise Failed(f"{what}: {lines[-1] if lines else 'no message'}")
    return done.stdout


def list_all(program, pattern, left_out):
    """All benchmarks whose name the pattern is found in, as weft_bench registers them."""
    names = call(program, "--benchmark_list_tests").split()
    found = [Bench.parse(name) for name in names if re.search(pattern, name)]
    return [b for b in found if not any(b.workload.endswith(end) for end in left_out)]


def program_of(program, peer):
    """The program that a peer outside weft_bench is; beside it in the build."""
    return Path(program).parent / "peers/timers" / f"peer-timers-{peer}"


def groups(benches, program):
    """{(workload, workers): [peers]}, with weft's second label; the floor last."""
    found = {}
    for b in benches:
        found.setdefault((b.workload, b.workers), []).append(b.peer)
    for (workload, _), peers in found.items():
        if workload in PROGRAMS:
            peers += [peer for peer in ("go", "tokio") if program_of(program, peer).is_file()]
    for peers in found.values():
        peers.sort(key=lambda peer: (peer != "weft", peer == FLOOR))
        if "weft" in peers:
            peers.insert(len(peers) // 2 + 1, AGAIN)
    return found


def measure(program, workload, workers, peer, seconds):
    """One process: {figure: value}, times in seconds."""
    which = "weft" if peer == AGAIN else peer
    own = program_of(program, peer)
    if workload in PROGRAMS and own.is_file():
        found = json.loads(call(own, str(PROGRAMS[workload]), str(workers)))
        return {"per_op": found["wall"] / PROGRAMS[workload], "cpu": found["cpu"], "late_p99": found["late_p99"]}
    output = call(program, f"--benchmark_filter=^{workload}/{re.escape(which)}/w{workers}(/|$)",
                  f"--benchmark_min_time={seconds}", "--benchmark_format=json")
    (run,) = json.loads(output)["benchmarks"]
    if run.get("error_occurred"):
        raise Failed(run["error_message"])
    return {figure: value for figure, value in run.items() if figure not in STANDARD}


class Rounds:
    """Samples by round: {(workload, workers, figure, peer): {round: value}}."""

    def __init__(self, program, benches, seconds, tell):
        self.program, self.seconds, self.tell = program, seconds, tell
        self.groups = groups(benches, program)
        self.samples = {}
        self.problems = {}  # (workload, workers, peer): what went wrong; not asked again

    def steps(self):
        return sum(len(peers) for peers in self.groups.values())

    def run(self, number):
        for (workload, workers), peers in self.groups.items():
            turn = number % len(peers)  # nobody is always the first, or after the same neighbour
            for peer in peers[turn:] + peers[:turn]:
                step = (workload, workers, peer)
                self.tell(number, *step)
                if step in self.problems:
                    continue
                try:
                    figures = measure(self.program, *step, self.seconds)
                except Failed as e:
                    self.problems[step] = str(e)
                    continue
                for figure, value in figures.items():
                    self.samples.setdefault((workload, workers, figure, peer), {})[number] = value
