# SPDX-License-Identifier: Apache-2.0
"""From single runs to medians, ratios, one table and one sentence."""
import statistics

from cases import CASES

SHOWN = ("req_s", "p50_us", "p99_us", "max_us")


def medians(results):
    """Over the rounds: the median of each figure, and how far the rates lie apart."""
    if not results or results[0] is None:
        return None
    rates = [r["req_s"] for r in results]
    found = {key: statistics.median(r[key] for r in results) for key in SHOWN}
    found["spread"] = (max(rates) - min(rates)) / 2 / (found["req_s"] or 1)
    return found


def summarise(runs, servers):
    """runs: {(server key, case key): [one result per round]}. A list of cases, each with a row per server."""
    out = []
    for case in CASES:
        rows = []
        for server in servers:
            results = runs.get((server.key, case.key))
            if results:
                rows.append({"server": server, "plain": medians([r["plain"] for r in results]),
                             "beside": medians([r["beside"] for r in results]),
                             "cores": statistics.median(r["cores"] for r in results)})
        entry = {"case": case, "rows": rows}
        for kind in ("plain", "beside"):
            loops = [r for r in rows if r["server"].todays_loop and r[kind]]
            best = max(loops, key=lambda r: r[kind]["req_s"], default=None)
            entry["best_" + kind] = best
            for row in rows:
                rate = best and best[kind]["req_s"]
                row["ratio_" + kind] = row[kind]["req_s"] / rate if rate and row[kind] else None
        out.append(entry)
    return out


def row_of(entry, key):
    return next((row for row in entry["rows"] if row["server"].key == key), None)


def same_against_same(summary):
    """{case key: weft measured again / weft}: what the noise of this machine makes of two equal things."""
    found = {}
    for entry in summary:
        one, again = row_of(entry, "weft"), row_of(entry, "weft-again")
        if one and again:
            found[entry["case"].key] = again["plain"]["req_s"] / one["plain"]["req_s"]
    return found


def wrong_answers(runs):
    return sum(load["wrong"] for results in runs.values() for r in results
               for load in (r["plain"], r["beside"]) if load)


def crashes_text(crashes):
    """What a killed worker process cost, and whom."""
    if not crashes:
        return ""
    others = sum(load["all_requests"] for c in crashes for load in (c["plain"], c["parse"]))
    worst = max(c["ms"] for c in crashes)
    return (f"worker processes killed in the middle of a /parse, under load: {len(crashes)}; their own requests got "
            f"{', '.join(str(s) for s in sorted({c['status'] for c in crashes}))} (within {worst:.1f} ms), all {others:,} other "
            f"requests at that time were answered rightly")


def all_answers(runs):
    return sum(load["all_requests"] for results in runs.values() for r in results
               for load in (r["plain"], r["beside"]) if load)


def rate_text(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ms_text(us):
    ms = us / 1e3
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"


def ratio_text(ratio):
    if ratio is None:
        return ""
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.1f}x" if ratio < 100 else f"{ratio:,.0f}x"


HEADER = ("", "/plain/s", "±", "p50 ms", "p99", "max", "to loop",
          "others/s", "±", "p50 ms", "p99", "max", "to loop", "cores")


def cells_of(entry, row):
    """A row of the table, in HEADER's order."""
    cells = [row["server"].label]
    for kind in ("plain", "beside"):
        figures = row[kind]
        if figures is None:
            cells += [""] * 6
            continue
        star = "*" if row is entry["best_" + kind] else " "
        cells += [rate_text(figures["req_s"]), f"{figures['spread']:.0%}",
                  *(ms_text(figures[key]) for key in SHOWN[1:]),
                  ratio_text(row["ratio_" + kind]) + star]
    return cells + [f"{row['cores']:.2f}"]


def table_text(summary):
    groups = [(entry["case"].title, [cells_of(entry, row) for row in entry["rows"]])
              for entry in summary if entry["rows"]]
    rows = [HEADER] + [row for _, group in groups for row in group]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]

    def line(row):
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        return "  " + "  ".join(cells).rstrip()

    lines = [line(HEADER)]
    for title, group in groups:
        lines += ["", title, *map(line, group)]
    return "\n".join(lines)


def verdict(summary, runs, crashes, problems, fatal):
    """A few words for one line; what is not right comes first."""
    wrong, answers = wrong_answers(runs), all_answers(runs)
    found = [("FAILED: " if fatal else "INCOMPLETE: ")
             + "; ".join(f"{name}: {what}" for name, what in problems.items())] if problems else []
    if wrong:
        found.append(f"{wrong:,} of {answers:,} answers were WRONG")
    elif answers:
        found.append(f"all {answers:,} answers were right")
    if crashes:
        found.append(crashes_text(crashes))
    parts = []
    for entry in summary:
        row, best = row_of(entry, "weft"), entry["best_plain"]
        if row and best:
            parts.append(f"{ratio_text(row['ratio_plain'])} {entry['case'].title.removeprefix('/plain ')}"
                         f" (p99 {ms_text(row['plain']['p99_us'])} against"
                         f" {ms_text(best['plain']['p99_us'])} ms)")
    if parts:
        found.append("/plain/s of weft on all cores against the best of today's single-threaded loops: " + ", ".join(parts))
    return ". ".join(words[0].upper() + words[1:] for words in found) + "."
