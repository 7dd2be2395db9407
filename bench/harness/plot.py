"""One picture a spec: bars of seconds a scenario and side, on a logarithmic axis, as SVG.

It is drawn for light and dark pages alike: text takes the page's colour scheme, bars are of middle brightness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from harness.report import Row, megabytes

_WIDTH, _LEFT, _RIGHT, _TOP = 860, 130, 210, 58
_BAR, _GAP, _FOOT = 15, 13, 34
_COLOURS = ("#2f81c7", "#3fa37c", "#c58a2b", "#8c8c8c", "#7a6fc4", "#7fa8cc")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.note { fill: #57606a }
.grid { stroke: #8c8c8c; stroke-opacity: 0.25 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9aa4af } }
"""


def plot(rows: Sequence[Row], names: Mapping[str, str]) -> str:
    """Rows of one spec; `names` has the sides in their order."""
    scenarios = list(dict.fromkeys(row.scenario for row in rows))
    sides = [side for side in names if any(row.side == side for row in rows)]
    colours = dict(zip(sides, _COLOURS, strict=False))
    slowest = max((row.whole for row in rows), default=1.0)
    fastest = min((row.whole for row in rows), default=0.1)
    low = math.floor(math.log10(fastest / 1.2))
    scale = (_WIDTH - _LEFT - _RIGHT) / (math.log10(slowest) - low)
    height = _TOP + sum(_BAR * sum(row.scenario == name for row in rows) + _GAP for name in scenarios) + _FOOT

    def across(seconds: float) -> float:
        return _LEFT + (math.log10(seconds) - low) * scale

    spec = rows[0].spec if rows else ""
    marks = [
        f'<text class="title" x="0" y="16">{escape(spec)}: seconds until the image is pushed, whole command</text>',
        f'<text class="note" x="0" y="{height - 4}">medians, logarithmic; behind the bars: seconds, megabytes pushed</text>',
    ]
    x = 0.0
    for side in sides:
        name = names[side]
        marks.append(f'<rect x="{x:.0f}" y="28" width="12" height="12" fill="{colours[side]}"/>')
        marks.append(f'<text x="{x + 17:.0f}" y="38">{escape(name)}</text>')
        x += 34 + 7.2 * len(name)
    bottom = height - _FOOT + 4
    for seconds in _ticks(low, slowest):
        marks.append(
            f'<line class="grid" x1="{across(seconds):.1f}" x2="{across(seconds):.1f}" y1="{_TOP - 6}" y2="{bottom}"/>'
        )
        marks.append(
            f'<text class="note" x="{across(seconds):.1f}" y="{bottom + 13}" text-anchor="middle">{seconds:g}</text>'
        )
    y = float(_TOP)
    for scenario in scenarios:
        bars = sorted((row for row in rows if row.scenario == scenario), key=lambda row: sides.index(row.side))
        middle = y + _BAR * len(bars) / 2 + 4
        marks.append(f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">{escape(scenario)}</text>')
        for row in bars:
            marks += _bar(row, y, across(row.whole), colours[row.side])
            y += _BAR
        y += _GAP
    lines = "\n".join(marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">\n'
        f"<style>{_STYLE}</style>\n{lines}\n</svg>\n"
    )


def _bar(row: Row, y: float, end: float, colour: str) -> list[str]:
    label = f"{row.whole:.2f} s, {megabytes(row.new_megabytes)} MB"
    return [
        f'<rect x="{_LEFT}" y="{y:.1f}" width="{end - _LEFT:.1f}" height="{_BAR - 2}" fill="{colour}"/>',
        f'<text x="{end + 6:.1f}" y="{y + _BAR - 4:.1f}">{escape(label)}</text>',
    ]


def _ticks(low: int, slowest: float) -> list[float]:
    found = [float(f"{step}e{power}") for power in range(low, 4) for step in (1, 3)]
    return [seconds for seconds in found if seconds <= slowest]
