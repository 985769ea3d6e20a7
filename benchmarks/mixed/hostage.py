#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is a core hostage to one handler? /plain beside handlers that compute or block, weft beside those that offload by hand.

Closed loop of 32 connections, and open loop of 2000 requests a second, each alone, beside 4 connections on
/compute?ms=20, and beside 64 on /block?ms=20."""
import argparse
import json
import signal
import statistics
import sys
import tempfile
from pathlib import Path

import cases
import machine
import summary
from cases import Server
from running import WARM_UP, Failed, Running, check_common, free_port, measure

OK, FAILED, BAD_USAGE, PEER_MISSING, INTERRUPTED = 0, 1, 2, 3, 130
OPEN_RATE = 2000
LOOPS = {"closed": 0, "open": OPEN_RATE}
CASES = [case for case in cases.CASES if case.key in ("alone", "compute", "block")]
# What an announcement costs: the same calls with and without. weft's servers alone.
CALLS = cases.Case("calls", "/plain beside a task that makes one call of 1 us after the other",
                   "10,000 calls for each request.", "/calls", 1, "n=10000")

HAND = "offloads by hand"
SERVERS = [
    Server("weft", "weft, as it is", "handlers compute and block, un-annotated", "weft-serve", ours=True),
    Server("weft-again", "weft, again", "the same once more: the noise", "weft-serve", ours=True, twin_of="weft"),
    Server("weft-announced", "weft, blocking(f)", "both announced", "weft-serve",
           ("--compute", "announced", "--block", "announced"), ours=True),
    Server("weft-pool", "weft, run_in_executor", "both on a pool of 64 threads", "weft-serve",
           ("--compute", "pool", "--block", "pool"), ours=True),
    Server("beast-pool", "Boost.Beast(2), pool(2)", HAND, "peer-beast", ("--io-threads", "2", "--offload", "2")),
    Server("hyper-pool", "hyper, spawn_blocking", HAND, "peer-hyper", ("--compute", "offload"), takes_photos=False),
    Server("hyper", "hyper, in the task", "computes in the task", "peer-hyper", ("--compute", "inline"),
           takes_photos=False),
    Server("go", "Go, net/http", "the scheduler preempts", "peer-go", takes_photos=False),
    Server("uvicorn", "uvicorn on uvloop", "computes in the loop", "benchmarks/peers/io/uvicorn/web.py"),
]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs cmake --build --preset release --target weft-serve weft-load peer-beast peers; what tools/setup --peers"
               "\ninstalls for the peers is optional. Exit status: 0 all ran; 1 weft failed; 2 bad usage; 3 a peer could not run,"
               "\nthe rest did. WEFT_BENCH_LOCK names the file that is locked meanwhile, a round at a time.")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured time of each step (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of half-second steps: does everything work?")
    parser.add_argument("--only", metavar="NAMES", help="servers, with commas, of: " + ", ".join(s.key for s in SERVERS))
    parser.add_argument("--build", metavar="DIR", type=Path, default=cases.ROOT / "build/release",
                        help="where the programs were built (default: build/release)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="all runs as JSON")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
    if not 1 <= options.rounds <= 1000:
        parser.error(f"--rounds: {options.rounds} is not from 1 to 1000")
    if not 0.1 <= options.seconds <= 60:
        parser.error(f"--seconds: {options.seconds} is not from 0.1 to 60")
    wanted = options.only.split(",") if options.only else [s.key for s in SERVERS]
    if unknown := [name for name in wanted if name not in {s.key for s in SERVERS}]:
        parser.error(f"--only: unknown server {', '.join(map(repr, unknown))}")
    options.servers = [s for s in SERVERS if s.key in wanted]
    return options


def counters(running):
    """How often weft's workers sleep, and are woken by each other, so far; nothing of other servers."""
    if not running.server.ours:
        return {}
    _, _, text = running.get("/metrics")
    values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(values[f"weft_{name}_total"]) for name in ("sleeps", "wakes")}


def run_server(server, options, load, folder, runs):
    port = free_port()
    command = server.command(options.build, port, folder)
    with Running(server, command, port, folder / f"{server.key}.log") as running:
        check_common(running)
        for case in [*CASES, CALLS] if server.ours else CASES:
            for loop, rate in LOOPS.items():
                before = counters(running)
                result = measure(running, load, case, [], options.seconds, rate)
                result |= {name: (value - before[name]) / (options.seconds + WARM_UP) for name, value in counters(running).items()}
                runs.setdefault(f"{server.key} {case.key} {loop}", []).append(result)


def run_all(options, folder):
    """(runs, problems): {"server case loop": [result of each round]}, {server key: what went wrong}."""
    runs, problems = {}, {}
    load = cases.find_binary(options.build, "weft-load")
    for number in range(options.rounds):
        turn = number % len(options.servers)
        # Held a round at a time: others who measure get their turn in between.
        with machine.alone(print):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            for server in options.servers[turn:] + options.servers[:turn]:
                if server.key in problems:
                    continue
                try:
                    run_server(server, options, load, folder, runs)
                except (Failed, cases.NotBuilt) as e:
                    problems[server.key] = str(e)
                    print(f"hostage: {server.label}: {e}", flush=True)
    return runs, problems


def figures(runs, server, case, loop):
    """Medians of one server in one step; None if it was not measured."""
    results = runs.get(f"{server} {case} {loop}")
    if not results:
        return None
    found = {"plain": summary.medians([r["plain"] for r in results]),
             "beside": summary.medians([r["beside"] for r in results]),
             "cores": statistics.median(r["cores"] for r in results)}
    found |= {name: statistics.median(r[name] for r in results) for name in ("sleeps", "wakes") if name in results[0]}
    found["unanswered"] = statistics.median(r["plain"]["unanswered"] for r in results)
    return found


HEADER = ("", "/plain/s", "±", "p50 ms", "p99", "max", "open p50 ms", "p99", "max", "unanswered", "others/s", "±", "p99", "cores")


def row_of(runs, server, case):
    closed, open_ = (figures(runs, server.key, case.key, loop) for loop in LOOPS)
    if closed is None or open_ is None:
        return None
    ms = summary.ms_text
    row = [server.label, summary.rate_text(closed["plain"]["req_s"]), f"{closed['plain']['spread']:.0%}",
           *(ms(closed["plain"][key]) for key in ("p50_us", "p99_us", "max_us")),
           *(ms(open_["plain"][key]) for key in ("p50_us", "p99_us", "max_us")), f"{open_['unanswered']:.0f}"]
    beside = closed["beside"]
    row += [summary.rate_text(beside["req_s"]), f"{beside['spread']:.0%}", ms(beside["p99_us"])] if beside else [""] * 3
    return row + [f"{closed['cores']:.2f}"]


def print_tables(runs, servers):
    for case in [*CASES, CALLS]:
        rows = [row for server in servers if (row := row_of(runs, server, case))]
        if rows:
            print(f"\n{case.title}\n\n| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
            for row in rows:
                print(f"| {' | '.join(row)} |")


def spread_of_twins(runs):
    """Round by round, weft again / weft: where the farthest round lies from 1, for rates."""
    found = {}
    for case in CASES:
        pairs = zip(runs.get(f"weft {case.key} closed", []), runs.get(f"weft-again {case.key} closed", []))
        ratios = [again["plain"]["req_s"] / one["plain"]["req_s"] for one, again in pairs]
        if ratios:
            found[case.key] = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return found


def judge(runs, key):
    """What docs ask of weft, for one way of using it: [(what, value, limit, holds)]."""
    hands = [s.key for s in SERVERS if s.about == HAND and figures(runs, s.key, "compute", "closed")]
    mine = {(case, loop): figures(runs, key, case, loop) for case in ("compute", "block") for loop in LOOPS}
    if not hands or not all(mine.values()):
        return []
    best = max(hands, key=lambda s: figures(runs, s, "compute", "closed")["plain"]["req_s"])
    closed, open_ = (figures(runs, best, "compute", loop) for loop in LOOPS)
    ours, ours_open = mine["compute", "closed"], mine["compute", "open"]
    at_least, at_most = (lambda a, b: a >= b), (lambda a, b: a <= b)
    asked = [
        (f"/plain/s beside compute, at least 0.9 of {best}", ours["plain"]["req_s"], 0.9 * closed["plain"]["req_s"], at_least),
        (f"p99 closed, at most {best}'s, ms", ours["plain"]["p99_us"] / 1e3, closed["plain"]["p99_us"] / 1e3, at_most),
        (f"p99 open, at most {best}'s, ms", ours_open["plain"]["p99_us"] / 1e3, open_["plain"]["p99_us"] / 1e3, at_most),
        ("p50 open, at most, ms", ours_open["plain"]["p50_us"] / 1e3, 0.1, at_most),
        (f"computations/s, at least 0.9 of {best}", ours["beside"]["req_s"], 0.9 * closed["beside"]["req_s"], at_least),
        ("blocking calls/s, at least 0.95 of 3200", mine["block", "closed"]["beside"]["req_s"], 0.95 * 3200, at_least),
    ]
    if hyper := figures(runs, "hyper-pool", "block", "closed"):
        asked.append(("p99 beside block, at most hyper-pool's, ms", mine["block", "closed"]["plain"]["p99_us"] / 1e3,
                      hyper["plain"]["p99_us"] / 1e3, at_most))
    return [(what, value, limit, holds(value, limit)) for what, value, limit, holds in asked]


def finish(options, runs, problems):
    print_tables(runs, options.servers)
    print("\nMedians over the rounds; ±: half the distance between the best and the worst one; others: the requests beside /plain"
          f"\n(closed loop). Open: {OPEN_RATE} requests a second, latency from the moment at which a request was due.")
    if twins := spread_of_twins(runs):
        print("A/A, weft against itself, /plain/s: " + ", ".join(f"{key} {text}" for key, text in twins.items()))
    for server in options.servers:
        if rates := [f"{case.key} {loop} {found['wakes']:,.0f} / {found['sleeps']:,.0f}" for case in CASES for loop in LOOPS
                     if (found := figures(runs, server.key, case.key, loop)) and "wakes" in found]:
            print(f"{server.label}: sleepers woken / sleeps, a second: {', '.join(rates)}")
        for what, value, limit, holds in judge(runs, server.key) if server.ours else []:
            print(f"{server.label}: {what}: {value:,.2f} ({limit:,.2f}) {'holds' if holds else 'MISSES'}")
    for key, what in problems.items():
        print(f"absent: {key}: {what}")
    if options.out:
        options.out.write_text(json.dumps({"machine": machine.describe(), "runs": runs, "problems": problems}))
    if any(s.ours and s.key in problems for s in options.servers):
        return FAILED
    return PEER_MISSING if problems else OK


def main():
    options = parse_arguments()
    # An end from outside takes the same way out as Ctrl-C: servers are stopped, files removed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        with tempfile.TemporaryDirectory(prefix="weft-hostage-") as folder:
            each = len(CASES) * len(LOOPS) * (options.seconds + WARM_UP + 0.05) + 1
            print(f"hostage: about {options.rounds * len(options.servers) * each / 60:.1f} minutes", flush=True)
            runs, problems = run_all(options, Path(folder))
            return finish(options, runs, problems)
    except (cases.NotBuilt, OSError) as e:
        print(f"hostage: {e}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nhostage: interrupted; all servers are stopped", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
