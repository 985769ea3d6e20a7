# SPDX-License-Identifier: Apache-2.0
"""From samples to medians, ratios, the table and its verdicts."""
import json
import re
import statistics

from rounds import AGAIN, FLOOR

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "B": 1.0, "cores": 1.0}


def shown(figure, value):
    if value is None:
        return "-"
    if figure == "bytes":
        return f"{value:,.0f} B"
    if figure in ("cpus", "monitor"):
        return f"{value:.2g}"
    for unit in ("s", "ms", "us"):
        if value >= UNITS[unit]:
            return f"{value / UNITS[unit]:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def shown_ratio(value):
    return "-" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.1g}"


def read_budgets(path):
    """{(workload, workers, figure): budget}."""
    data = json.loads(path.read_text())
    budgets = {}
    for b in data["budgets"]:
        number, _, rest = b["limit"].partition(" ")
        of = {"x floor": "floor", "x best peer": "best peer"}.get(rest)
        if of is None and rest not in UNITS:
            raise ValueError(f"{path.name}: {b['limit']!r} is no limit")
        if b["source"].split(":")[0] not in data["sources"]:
            raise ValueError(f"{path.name}: {b['source']!r} is no source")
        budgets[b["workload"], b["workers"], b.get("figure", "per_op")] = {
            **b, "of": of, "at_most": float(number) * UNITS.get(rest, 1.0)}
    return budgets, data["reference machine"]


def spread_of(ratios):
    """How far equal things lie apart: where the middle half of weft against itself ends, or all if they are few."""
    if len(ratios) >= 4:
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    else:
        low, high = min(ratios), max(ratios)
    return max(abs(low - 1), abs(high - 1))


def ratio(ours, theirs):
    """Median over the rounds that have both, each against its own round."""
    both = [ours[r] / theirs[r] for r in ours if theirs.get(r)]
    return statistics.median(both) if both else None


class Row:
    """One figure of one workload on so many workers."""

    def __init__(self, key, by_peer, floor):
        self.workload, self.workers, self.figure = key
        weft, again = by_peer.get("weft", {}), by_peer.get(AGAIN, {})
        self.weft = {r: statistics.mean(v for v in (weft.get(r), again.get(r)) if v is not None)
                     for r in sorted({*weft, *again})}
        self.peers = {p: statistics.median(v.values()) for p, v in by_peer.items() if p not in ("weft", AGAIN, FLOOR)}
        self.median = statistics.median([*weft.values(), *again.values()]) if self.weft else None
        self.floor = statistics.median(floor.values()) if floor else None
        twins = [weft[r] / again[r] for r in weft if again.get(r)]
        self.spread = spread_of(twins) if twins else None
        self.best = min(self.peers, key=self.peers.get) if self.peers else None
        self.to_best = ratio(self.weft, by_peer[self.best]) if self.best else None
        self.to_floor = ratio(self.weft, floor) if floor else None
        self.budget = self.verdict = self.holds = None

    @property
    def name(self):
        return f"{self.workload} w{self.workers}" + ("" if self.figure == "per_op" else f" {self.figure}")

    def judge(self, budget):
        self.budget = budget
        value = {"floor": self.to_floor, "best peer": self.to_best, None: self.median}[budget["of"]]
        if value is None:
            self.verdict = "not measured"
            return
        part = value / budget["at_most"]
        self.holds = part <= 1 + (self.spread or 0)
        self.verdict = ("holds" if part <= 1 else "holds within the spread" if self.holds
                        else f"misses by {(part - 1) * 100:.0f} %")

    def cells(self):
        peers = ", ".join(f"{p} {shown(self.figure, v)}" for p, v in sorted(self.peers.items(), key=lambda i: i[1]))
        return [self.name, shown(self.figure, self.median),
                f"±{self.spread * 100:.1f} %" if self.spread is not None else "-", peers or "-",
                shown(self.figure, self.floor), shown_ratio(self.to_best), shown_ratio(self.to_floor),
                self.budget["limit"] if self.budget else "-", self.verdict or "-"]

    def as_data(self):
        return {"workload": self.workload, "workers": self.workers, "figure": self.figure, "weft": self.median,
                "spread": self.spread, "peers": self.peers, "floor": self.floor, "to_best_peer": self.to_best,
                "to_floor": self.to_floor, "limit": self.budget and self.budget["limit"],
                "source": self.budget and self.budget["source"], "holds": self.holds, "verdict": self.verdict}


HEAD = ["workload", "weft", "A/A", "peers", "floor", "to best", "to floor", "budget", "verdict"]


def rows(samples, budgets):
    by_key = {}
    for (workload, workers, figure, peer), values in samples.items():
        by_key.setdefault((workload, workers, figure), {})[peer] = values
    # A floor is measured once, on one worker: it is the same machine's for all.
    floors = {(k[0], k[2]): peers[FLOOR] for k, peers in by_key.items() if FLOOR in peers}
    found = []
    for key, peers in by_key.items():
        if set(peers) == {FLOOR} or (key[2] == "per_op" and (*key[:2], "p50") in by_key):
            continue  # where there is a median of single operations, their mean says less
        row = Row(key, peers, floors.get((key[0], key[2])))
        if budget := budgets.get(key):
            row.judge(budget)
        found.append(row)
    return found


def table(found):
    lines = [HEAD, *(row.cells() for row in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    lines.insert(1, ["-" * w for w in widths])
    return "\n".join(re.sub(r" +$", "", " | ".join(c.ljust(w) for c, w in zip(line, widths))) for line in lines)


def summary(found):
    judged = [row for row in found if row.holds is not None]
    missed = [row.name for row in judged if not row.holds]
    text = f"{len(judged) - len(missed)} of {len(judged)} budgets hold"
    return text + (f"; missed: {', '.join(missed)}" if missed else "")
