"""The figures in README.md and bench/README.md: `python -m harness.readme [--check]`, which `scripts/gen-docs` calls.

Each page names the files with results in the comment that begins its block; the text of the block is written here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.machine import BENCH, ROOT
from harness.measure import Record
from harness.report import Ratio, Row, rows

BLOCK = re.compile(r"(<!-- bench:begin: from ([^>]+) -->\n).*?(<!-- bench:end -->)", re.DOTALL)

SCENARIOS = {
    "cold-dl": "first build, nothing downloaded yet",
    "cold": "first build, downloads cached",
    "no-change": "no change",
    "whole": "no change, whole command",
    "again": "no change, with `--always-build`",
    "env": "one environment variable changed",
    "source": "one source file changed",
    "apt": "one more Debian package",
    "pip": "one more Python package",
    "bump": "another version of one heavy package",
}
"""Names in the pages; `whole` is `no-change` including everything before the building program starts."""

ABOUT = {
    "small": "*small* installs `git`, `curl`, requests, pydantic and flytekit",
    "data": "*data* installs `build-essential`, pandas, numpy, scikit-learn, pyarrow and flytekit",
    "ml": "*ml* is the environment of a model, about 620 MB",
    "gpu": "*gpu* installs PyTorch with CUDA, transformers, accelerate and datasets, about 3 GB",
    "src": "*src* is *data* in a repository of 2,000 source files",
}


FIRST = ("small", "data")
"""The specs that README.md shows."""

SUMMARY = ("cold-dl", "whole", "env", "source", "apt", "pip")
"""The scenarios that README.md shows."""


def summary(files: Sequence[Path]) -> str:
    """The block of README.md: the times of a few scenarios of two specs."""
    results = loaded(files)
    shown = [row for row in found(results) if row.spec in FIRST]
    flytekit = results[-1]["versions"]["flytekit"]
    megabytes = round(results[-1]["program"]["frontend image bytes"] / 1e6)
    drawn = drawings(files, results)
    return f"""The table compares `imagespec build --push` with a build of the Dockerfile \
that Flytekit {flytekit} writes for the same spec.
{setting(results)}
The spec {", and ".join(ABOUT[spec] for spec in specs(shown))}.

{times(shown)}
Some images that the Dockerfile names are replaced, so that the benchmark \
runs without public registries; this is neutral or helps Flytekit.
[bench/README.md](bench/README.md) has all scenarios, two more specs, the bytes pushed and the method.
The frontend image is {megabytes} MB.

![seconds of each build of the data spec](bench/results/{drawn["data"]})
"""


def figures(files: Sequence[Path]) -> str:
    """The block of bench/README.md: common specs first, then the others. A spec and scenario that is in several files
    is taken from the last one; sides that only an earlier file has are taken from there."""
    results = loaded(files)
    every = found(results)
    first = [row for row in every if row.spec in FIRST]
    others = [row for row in every if row.spec not in FIRST]
    flytekit = results[-1]["versions"]["flytekit"]
    with_gzip = [result for result in results if "cli-gzip" in result["sides"]]
    gzip = [row for row in found(with_gzip) if row.side == "cli-gzip"]
    of_gzip = {
        name: " and ".join(ratio(row.ratio) for row in gzip if row.scenario == name) for name in ("cold", "pip")
    }
    drawn = drawings(files, results)
    links = [f"![seconds of each build of the {spec} spec](results/{name})" for spec, name in drawn.items()]
    newline = "\n"
    return f"""{setting(results)}
The peer is the Dockerfile of stock Flytekit {flytekit}, built with the Dockerfile frontend that is part of BuildKit.
[Some of what it names is replaced](#fairness-to-the-peer), which is neutral or helps the peer.
The spec {", and ".join(ABOUT[spec] for spec in specs(first))}.
A ratio is the time, or the bytes pushed, of `imagespec` divided by those of the peer.

{table(first)}
`imagespec` compresses with zstd; the peer can only use gzip.
With `--compression gzip`, the first builds with cached downloads take {of_gzip["cold"]} of the peer's time, \
and the builds with one more Python package {of_gzip["pip"]}.
Without a change, `imagespec` finds that the registry already has what it would push.
With `--always-build`, it solves and pushes like the peer.
"Downloads cached" includes the bytecode that `imagespec`'s steps keep between builds.

Two more specs: {", and ".join(ABOUT[spec] for spec in specs(others))}.

{table(others)}
The builds in the last row push the layer of that package and no other.

{newline.join(links)}
"""


def loaded(files: Sequence[Path]) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def setting(results: Sequence[dict[str, Any]]) -> str:
    """How the figures were measured, in a sentence."""
    repetitions = min(result["repetitions"] for result in results)
    processors = results[-1]["versions"]["processors"]
    return f"""Both run on one `buildkitd` with {processors} processors, export and push included; \
times are medians of {repetitions} interleaved repetitions."""


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


def times(of: Sequence[Row]) -> str:
    """A row a scenario, two columns a spec."""
    heads = "".join(f" | {spec}: imagespec | {spec}: Flytekit" for spec in specs(of))
    text = [f"| build{heads} |", "|---" + "|---:" * 2 * len(specs(of)) + "|"]
    for scenario in SUMMARY:
        cells = [cell(of, spec, scenario) for spec in specs(of)]
        if all(cells):
            text.append(f"| {SCENARIOS[scenario]} | " + " | ".join(" | ".join(values[:2]) for values in cells) + " |")
    return "\n".join(text) + "\n"


def table(of: Sequence[Row]) -> str:
    """A row a scenario, four columns a spec."""
    heads = "".join(f" | {spec}: imagespec | peer | ratio | ratio of bytes" for spec in specs(of))
    text = [f"| build{heads} |", "|---" + "|---:" * 4 * len(specs(of)) + "|"]
    for scenario, called in SCENARIOS.items():
        cells = [cell(of, spec, scenario) for spec in specs(of)]
        if all(cells):
            text.append(f"| {called} | " + " | ".join(" | ".join(values) for values in cells) + " |")
    return "\n".join(text) + "\n"


def cell(of: Sequence[Row], spec: str, scenario: str) -> Sequence[str]:
    """Our time, the peer's, and the ratios of time and of bytes; empty if it was not measured."""
    measured = "no-change" if scenario == "whole" else scenario
    by_side = {row.side: row for row in of if (row.spec, row.scenario) == (spec, measured)}
    if "cli" not in by_side:
        return ()
    ours, peer = by_side["cli"], by_side["peer"]
    pushed = "–" if measured in ("no-change", "again") else ratio(ours.bytes_ratio)
    if scenario == "whole":
        return (seconds(ours.whole), seconds(peer.whole), ratio(ours.whole_ratio), pushed)
    return (seconds(ours.seconds), seconds(peer.seconds), ratio(ours.ratio), pushed)


def seconds(value: float) -> str:
    """Two decimal places for small numbers."""
    return f"{value:.2f} s" if value < 2 else f"{value:.1f} s"


def ratio(value: Ratio | float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, Ratio):
        value = value.value
    if value == 0:
        return "0"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def drawings(files: Sequence[Path], results: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The drawing of each spec, by its name in the folder of results."""
    drawn: dict[str, str] = {}
    for file, result in zip(files, results, strict=True):
        of_file = specs(found([result]))
        drawn |= {spec: f"{file.stem}-{spec}.svg" if len(of_file) > 1 else f"{file.stem}.svg" for spec in of_file}
    return drawn


PAGES: Sequence[tuple[str, Callable[[Sequence[Path]], str]]] = (("README.md", summary), ("bench/README.md", figures))


def main() -> int:
    is_stale = False
    for name, block in PAGES:
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        match = BLOCK.search(text)
        if not match:
            print(f"gen-docs: {name} has no block of figures", file=sys.stderr)
            return 1
        names = [file.strip().rsplit("/", 1)[-1] for file in match[2].split(",")]
        made = block([BENCH / "results" / file for file in names])
        written = text[: match.start()] + match[1] + made + match[3] + text[match.end() :]
        if written == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"gen-docs: {name} has other figures than its results; run scripts/gen-docs", file=sys.stderr)
            is_stale = True
            continue
        page.write_text(written, encoding="utf-8")
        print(f"gen-docs: wrote {name}")
    return 1 if is_stale else 0


if __name__ == "__main__":
    sys.exit(main())
