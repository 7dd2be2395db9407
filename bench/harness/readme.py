"""The README's figures, made of the results they are from: `python -m harness.readme [--check]`, which `scripts/gen-docs` calls.

The README names the files in the comment that begins the block; what stands between that and its end is written here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.machine import BENCH, ROOT
from harness.measure import Record
from harness.report import Row, rows

BLOCK = re.compile(r"(<!-- bench:begin: from ([^>]+) -->\n).*?(<!-- bench:end -->)", re.DOTALL)

SCENARIOS = {
    "cold-dl": "cold, nothing downloaded yet",
    "cold": "cold, downloads cached",
    "no-change": "no change",
    "whole": "no change, the whole command",
    "again": "no change, built all the same",
    "env": "an environment variable",
    "source": "a source file",
    "apt": "one more Debian package",
    "pip": "one more Python package",
    "bump": "one heavy package in another version",
}
"""By what the README calls them; `whole` is `no-change` with what comes before the building program."""

ABOUT = {
    "small": "*Small* is `git` and `curl`, requests, pydantic and flytekit",
    "data": "*data* is `build-essential`, pandas, numpy, scikit-learn, pyarrow and flytekit",
    "ml": "*ml* is a model's environment of some 620 MB",
    "src": "*src* is *data* in a repository of 2,000 source files",
}


FIRST = ("small", "data")
"""The specs that the README shows in full."""


def block(files: Sequence[Path]) -> str:
    """What stands in the README: the specs most have something like, then the others. What a later file measured again is
    taken from there; sides that only an earlier one has, from that."""
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    every = found(results)
    first = [row for row in every if row.spec in FIRST]
    others = [row for row in every if row.spec not in FIRST]
    flytekit = results[-1]["versions"]["flytekit"]
    megabytes = round(results[-1]["program"]["frontend image bytes"] / 1e6)
    with_gzip = [result for result in results if "cli-gzip" in result["sides"]]
    gzip = [row for row in found(with_gzip) if row.side == "cli-gzip"]
    of_gzip = {
        name: " and ".join(ratio(row.ratio) for row in gzip if row.scenario == name) for name in ("cold", "pip")
    }
    repetitions = min(result["repetitions"] for result in results)
    processors = results[-1]["versions"]["processors"]
    return f"""Two specs on one `buildkitd`, export and push included; medians of {repetitions} interleaved repetitions \
on {processors} processors.
{"; ".join(ABOUT[spec] for spec in specs(first))}.
The peer is the Dockerfile of stock Flytekit {flytekit} with its builtin frontend; \
[bench/README.md](bench/README.md) says what was replaced so that it runs without public registries, \
and why that flatters it if anybody.

{table(first)}
Ours compresses with zstd, the peer can only gzip; with `--compression gzip` the cold builds take {of_gzip["cold"]} \
of the peer's time, one more Python package {of_gzip["pip"]}.
With no change `imagespec` finds that the registry has what it would push; built all the same is `--always-build`, which \
solves and pushes as the peer does.
Downloads cached includes the bytecode that our steps keep between builds.
The frontend image is {megabytes} MB.

Two more specs, ratios to the peer's times and bytes: {", ".join(ABOUT[spec] for spec in specs(others))}.

{table(others)}
The last row pushes that package's layer and no other.

{plots(files, results)}"""


def found(results: Iterable[dict[str, Any]]) -> list[Row]:
    """The builds of some results, those of each spec and scenario of the last result that has both sides of it."""
    latest: dict[tuple[str, str], list[Record]] = {}
    for result in results:
        of_this: dict[tuple[str, str], list[Record]] = {}
        for build in result["builds"]:
            record = Record(**build)
            of_this.setdefault((record.spec, record.scenario), []).append(record)
        latest.update({key: of for key, of in of_this.items() if {"cli", "peer"} <= {record.side for record in of}})
    return rows([record for records in latest.values() for record in records])


def specs(of: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.spec for row in of))


def table(of: Sequence[Row]) -> str:
    """A row a scenario, four columns a spec."""
    columns = "`imagespec build --push` | Flytekit's Dockerfile | ratio | pushed, ratio"
    heads = "".join(f" | {spec}: {columns}" for spec in specs(of))
    text = [f"| build{heads} |", "|---" + "|---:" * 4 * len(specs(of)) + "|"]
    for scenario, called in SCENARIOS.items():
        cells = [cell(of, spec, scenario) for spec in specs(of)]
        if all(cells):
            text.append(f"| {called} | " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


def cell(of: Sequence[Row], spec: str, scenario: str) -> str:
    """Ours, theirs, and both ratios; empty if it was not measured."""
    measured = "no-change" if scenario == "whole" else scenario
    by_side = {row.side: row for row in of if (row.spec, row.scenario) == (spec, measured)}
    if "cli" not in by_side:
        return ""
    ours, peer = by_side["cli"], by_side["peer"]
    pushed = "–" if measured in ("no-change", "again") else ratio(ours.bytes_ratio)
    if scenario == "whole":
        return f"{seconds(ours.whole)} | {seconds(peer.whole)} | {ratio(ours.whole_ratio)} | {pushed}"
    return f"{seconds(ours.seconds)} | {seconds(peer.seconds)} | {ratio(ours.ratio)} | {pushed}"


def seconds(value: float) -> str:
    """Two decimal places where there is little to count."""
    return f"{value:.2f} s" if value < 2 else f"{value:.1f} s"


def ratio(value: float | None) -> str:
    if value is None:
        return "–"
    if value == 0:
        return "0"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def plots(files: Sequence[Path], results: Sequence[dict[str, Any]]) -> str:
    drawn: dict[str, str] = {}
    for file, result in zip(files, results, strict=True):
        of_file = specs(found([result]))
        drawn |= {spec: f"{file.stem}-{spec}.svg" if len(of_file) > 1 else f"{file.stem}.svg" for spec in of_file}
    links = [f"![seconds of the {spec} spec's builds](bench/results/{name})" for spec, name in drawn.items()]
    return "\n".join(links) + "\n"


def main() -> int:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    match = BLOCK.search(text)
    if not match:
        print("gen-docs: README.md has no block of figures", file=sys.stderr)
        return 1
    names = [name.strip().rsplit("/", 1)[-1] for name in match[2].split(",")]
    figures = block([BENCH / "results" / name for name in names])
    written = text[: match.start()] + match[1] + figures + match[3] + text[match.end() :]
    if written == text:
        return 0
    if "--check" in sys.argv[1:]:
        print("gen-docs: README.md has other figures than the results it names; run scripts/gen-docs", file=sys.stderr)
        return 1
    readme.write_text(written, encoding="utf-8")
    print("gen-docs: wrote README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
