# SPDX-License-Identifier: Apache-2.0
"""Charts as inline SVG. Colours come from the page's style sheet, so that they follow its dark mode."""
import math
from html import escape

from summary import ms_text, rate_text

WIDTH = 360  # as wide as a phone: text keeps its size there and grows a little elsewhere
ROW = 38
BAR = 11


def svg(height, label, parts):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
            + "".join(parts) + "</svg>")


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def colour_of(server):
    if server.twin_of:
        return "twin"
    return "weft" if server.key == "weft" else "weft-one" if server.ours else "peer"


def head(server, y, value):
    return text(0, y, server.label, "name") + text(WIDTH, y, value, "value", "end")


def bars(rows, kind, label):
    """Requests a second; the line on a bar's end spans the rounds."""
    most = max((row[kind]["req_s"] * (1 + row[kind]["spread"]) for row in rows), default=0) or 1
    parts = []
    for number, row in enumerate(rows):
        figures, top = row[kind], number * ROW
        end = WIDTH * figures["req_s"] / most
        reach = end * figures["spread"]
        middle = top + 20 + BAR / 2
        parts += [
            head(row["server"], top + 14, rate_text(figures["req_s"])),
            f'<rect class="track" x="0" y="{top + 20}" width="{WIDTH}" height="{BAR}" rx="2"/>',
            f'<rect class="{colour_of(row["server"])}" x="0" y="{top + 20}" '
            f'width="{max(end, 1):.1f}" height="{BAR}" rx="2"/>',
            f'<path class="reach" d="M{max(0, end - reach):.1f} {middle}H{min(WIDTH, end + reach):.1f}"/>',
        ]
    return svg(len(rows) * ROW, label, parts)


def latencies(rows, kind, label):
    """From the median to the worst, on a logarithmic axis."""
    values = [max(row[kind][key], 1) for row in rows for key in ("p50_us", "max_us")]
    low = math.floor(math.log10(min(values, default=1)))
    high = max(math.ceil(math.log10(max(values, default=10))), low + 1)
    margin = 8

    def x(us):
        return margin + (WIDTH - 2 * margin) * (math.log10(max(us, 1)) - low) / (high - low)

    height = len(rows) * ROW
    parts = []
    for decade in range(low, high + 1):
        at = x(10 ** decade)
        anchor = "start" if decade == low else "end" if decade == high else "middle"
        at_text = 0 if decade == low else WIDTH if decade == high else at
        parts += [f'<path class="grid" d="M{at:.1f} 16V{height}"/>',
                  text(at_text, height + 14, f"{10 ** (decade - 3):g} ms", "tick", anchor)]
    for number, row in enumerate(rows):
        figures, top = row[kind], number * ROW
        middle = top + 20 + BAR / 2
        p50, p99, worst = (x(figures[key]) for key in ("p50_us", "p99_us", "max_us"))
        colour = colour_of(row["server"])
        value = " · ".join(ms_text(figures[key]) for key in ("p50_us", "p99_us", "max_us"))
        parts += [
            # a strip of the page's own colour keeps the grid out of the words
            f'<rect class="page" x="0" y="{top + 2}" width="{WIDTH}" height="16"/>',
            head(row["server"], top + 14, value),
            f'<path class="line {colour}" d="M{p50:.1f} {middle}H{worst:.1f}"/>',
            f'<rect class="{colour}" x="{p50:.1f}" y="{middle - 3}" width="{max(p99 - p50, 1):.1f}" height="6"/>',
            f'<circle class="{colour}" cx="{p50:.1f}" cy="{middle}" r="5"/>',
            f'<path class="line {colour}" d="M{worst:.1f} {middle - 5}V{middle + 5}"/>',
        ]
    return svg(height + 20, label, parts)
