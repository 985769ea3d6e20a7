# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML file without anything from elsewhere."""
import json
from html import escape
from pathlib import Path
from string import Template

import charts
from cases import CRASH
from summary import HEADER, cells_of, crashes_text, ms_text, ratio_text, row_of, same_against_same

PAGE = Template((Path(__file__).resolve().parent / "report.html").read_text())


def pairs(values):
    return "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>"
                   for name, value in values.items())


def tile(entry):
    """A case in one number: weft against the best of today's single-threaded loops."""
    row, best = row_of(entry, "weft"), entry["best_plain"]
    if not row or not best:
        return ""
    better = "ahead" if row["ratio_plain"] >= 1 else "behind"
    return (f'<a class="tile" href="#{entry["case"].key}"><b class="{better}">{ratio_text(row["ratio_plain"])}</b>'
            f'<span>{escape(entry["case"].title)}</span>'
            f'<small>p99 {ms_text(row["plain"]["p99_us"])} ms against {ms_text(best["plain"]["p99_us"])} ms'
            f' of {escape(best["server"].label)}</small></a>')


def figure(title, chart):
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>"


def section(entry):
    case, rows = entry["case"], entry["rows"]
    route = "other request" if not case.route else case.route + (
        "?ms=20" if case.route != "/thumb" else "")
    parts = [figure("/plain: requests a second", charts.bars(rows, "plain", f"{case.title}: rate")),
             figure("/plain: p50 · p99 · worst, in ms",
                    charts.latencies(rows, "plain", f"{case.title}: latency"))]
    beside = [row for row in rows if row["beside"] and row["beside"]["req_s"]]
    if beside:
        parts += [figure(f"{route}: requests a second",
                         charts.bars(beside, "beside", f"{route}: rate")),
                  figure(f"{route}: p50 · p99 · worst, in ms",
                         charts.latencies(beside, "beside", f"{route}: latency"))]
    return (f'<section id="{case.key}"><h2>{escape(case.title)}</h2><p>{escape(case.says)}</p>'
            f'<div class="charts">{"".join(parts)}</div></section>')


def crash_section(crashes):
    if not crashes:
        return ""
    said = "; ".join(sorted({c["said"].strip() for c in crashes})[:3])
    return (f'<section id="{CRASH.key}"><h2>{escape(CRASH.title)}</h2><p>{escape(CRASH.says)}</p>'
            f"<p>{escape(crashes_text(crashes))}.</p><p>What the client was told: {escape(said)}</p></section>")


def table(summary):
    head = "".join(f"<th>{escape(cell)}</th>" for cell in HEADER)
    body = ""
    for entry in summary:
        if entry["rows"]:
            body += f'<tr class="case"><th colspan="{len(HEADER)}">{escape(entry["case"].title)}</th></tr>'
        for row in entry["rows"]:
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells_of(entry, row))
            body += f"<tr>{cells}</tr>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def raw(runs):
    return [{"server": server, "case": case, "round": number, **result}
            for (server, case), results in runs.items() for number, result in enumerate(results, 1)]


def write(path, *, verdict, summary, runs, servers, machine, versions, method, problems, crashes):
    twins = same_against_same(summary)
    noise = ", ".join(f"{escape(key)} {ratio:.2f}" for key, ratio in twins.items())
    # A "</script>" inside the data would end it early.
    data = json.dumps({"machine": machine, "versions": versions, "method": method,
                       "runs": raw(runs), "crashes": crashes}, indent=1).replace("</", "<\\/")
    page = PAGE.substitute(
        verdict=escape(verdict),
        problems="".join(f'<p class="problem">{escape(name)}: {escape(what)}</p>'
                         for name, what in problems.items()),
        tiles="".join(tile(entry) for entry in summary),
        sections="".join(section(entry) for entry in summary if entry["rows"]) + crash_section(crashes),
        noise=f"<p>weft measured twice in each round, second against first: {noise}. "
              "Smaller differences than that mean nothing.</p>" if noise else "",
        servers=pairs({server.label: server.about for server in servers}),
        machine=pairs(machine), versions=pairs(versions), method=pairs(method),
        table=table(summary), data=data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
