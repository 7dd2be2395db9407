"""The figures in README.md and bench/README.md, and the picture of README.md: `python -m harness.readme [--check]`, which
`scripts/gen-docs` calls.

Each page names the files with results in the comment that begins its block; the text of the block is written here. A spec that is in
several files is taken from the last one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.machine import BENCH, ROOT
from harness.measure import Record
from harness.plot import plot
from harness.report import Ratio, Row, rows, short
from harness.thirty import Timed, medians

BLOCK = re.compile(r"(<!-- bench:begin: from ([^>]+) -->\n).*?(<!-- bench:end -->)", re.DOTALL)

OURS = "cli-locked"
EXPERT = "expert"
SIDES = {OURS: "imagespec", EXPERT: "expert", "flyte2": "Flyte v2", "peer": "Flytekit"}
"""The sides of the tables, the strongest peer first."""

SCENARIOS = {
    "cold": "first build, downloads cached",
    "env": "one environment variable changed",
    "source": "one source file changed",
    "pip": "one more Python package",
    "bump": "another version of one heavy package",
    "apt": "one more Debian package",
    "moved": "newer base image",
    "second": "the same on another daemon, nothing downloaded",
    "fresh": "the same on a new daemon, with a build cache in the registry",
    "no-change": "no change",
    "again": "no change, built all the same",
    "cold-dl": "first build, nothing downloaded yet",
}

ABOUT = {
    "small": "*small* installs `git`, `curl`, requests, pydantic and flytekit",
    "data": "*data* installs `build-essential`, pandas, numpy, scikit-learn, pyarrow and flytekit",
    "ml": "*ml* is the environment of a model, about 620 MB",
    "gpu": "*gpu* installs PyTorch with CUDA, transformers, accelerate and datasets, about 3 GB to download",
    "src": "*src* is *data* in a repository of 2,000 source files",
}

SHOWN = "data"
"""The spec that README.md shows."""

SUMMARY = ("cold", "env", "source", "pip", "bump", "apt", "moved", "fresh")
"""The scenarios that README.md shows."""

PICTURE = BENCH / f"results/{SHOWN}.svg"


def summary(results: Sequence[dict[str, Any]]) -> str:
    """The block of README.md: the waiting times for one spec."""
    shown = [row for row in found(results) if row.spec == SHOWN and row.side in SIDES and row.scenario in SUMMARY]
    last = of_spec(results, SHOWN)
    sides = [side for side in SIDES if any(row.side == side for row in shown)]
    heads = {
        OURS: "imagespec",
        EXPERT: "an expert's Dockerfile",
        "flyte2": "Flyte v2's",
        "peer": "Flytekit's",
    }
    lines = [
        "| build and push | " + " | ".join(heads[side] for side in sides) + " |",
        "|---" + "|---:" * len(sides) + "|",
    ]
    for scenario in SUMMARY:
        of = {row.side: row for row in shown if row.scenario == scenario}
        if OURS in of:
            cells = (seconds(of[side].whole) if side in of else "–" for side in sides)
            lines.append(f"| {SCENARIOS[scenario]} | " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    return f"""The table compares `imagespec build --push` with Dockerfiles for the same image: one that an expert writes by hand, with `uv sync`, \
cache mounts and `COPY --link`, and those that Flyte v2 and Flytekit {last["versions"]["flytekit"]} write.
The spec {ABOUT[SHOWN]}.
The times are what a user waits: the update of the lockfile or the writing of the Dockerfile, the build, and the push.
{setting([last])}

{table}

Some images that the Dockerfiles name are replaced, so that the benchmark runs without public registries; this is neutral or helps the Dockerfiles.
[bench/README.md](bench/README.md) has more specs, processor time, bytes pushed, and the method.

![seconds of each build of the {SHOWN} spec](bench/results/{PICTURE.name})
"""


def figures(results: Sequence[dict[str, Any]]) -> str:
    """The block of bench/README.md: one table a spec."""
    every = [row for row in found(results) if row.side in SIDES]
    specs = list(dict.fromkeys(row.spec for row in every))
    text = [
        f"{setting(results)}\n"
        f"The spec {'; '.join(ABOUT[spec] for spec in specs)}.\n\n"
        "A ratio is the figure of `imagespec` divided by the other side's, with the interval in which it is with a probability of 95 %.\n"
        '"Wait" includes what happens before the build: the update of the lockfile, or the writing of the Dockerfile.\n'
        "Without a change, `imagespec` finds that the registry already has what it would push; built all the same, it solves and pushes.\n"
    ]
    for spec in specs:
        text += [f"### {spec}", "", table([row for row in every if row.spec == spec])]
    timed = [Timed(**one) for result in results for one in result.get("thirty", [])]
    if timed:
        text += [
            "### Thirty images",
            "",
            "Ten each of *small*, *data* and *ml*, each with one more package and a variable of its own, built and pushed in one call.",
            "",
            medians(timed),
        ]
    return "\n".join(text)


def table(of: Sequence[Row]) -> str:
    """A row a scenario: the seconds of all sides, and what ours is of the expert's."""
    sides = [side for side in SIDES if any(row.side == side for row in of)]
    heads = [f"{SIDES[side]}, wait" for side in sides]
    heads += ["wait", "build", "CPU", "bytes pushed"]
    lines = ["| build | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for scenario, called in SCENARIOS.items():
        by_side = {row.side: row for row in of if row.scenario == scenario}
        ours = by_side.get(OURS)
        if not ours:
            continue
        cells = [seconds(by_side[side].whole) if side in by_side else "–" for side in sides]
        cells += [interval(value) for value in (ours.whole_ratio, ours.ratio, ours.cpu_ratio)]
        cells.append("–" if ours.bytes_ratio is None else short(ours.bytes_ratio))
        lines.append(f"| {called} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def interval(value: Ratio | None) -> str:
    return "–" if value is None else str(value)


def seconds(value: float) -> str:
    """Two decimal places for small numbers."""
    return f"{value:.2f} s" if value < 2 else f"{value:.1f} s"


def setting(results: Sequence[dict[str, Any]]) -> str:
    """How the figures were measured."""
    repetitions = min(result["repetitions"] for result in results)
    processors = results[-1]["versions"]["processors"]
    return (
        f"All run on one `buildkitd` with {processors} processors and push to one registry; "
        f"times are medians of {repetitions} interleaved repetitions, and of 20 where a build takes less than a second."
    )


def of_spec(results: Sequence[dict[str, Any]], spec: str) -> dict[str, Any]:
    """The last result that has a spec."""
    return [result for result in results if any(build["spec"] == spec for build in result["builds"])][-1]


def found(results: Iterable[dict[str, Any]]) -> list[Row]:
    """The builds of some results, those of each spec from the last result that has it."""
    latest: dict[str, list[Record]] = {}
    for result in results:
        of_this: dict[str, list[Record]] = {}
        for build in result["builds"]:
            of_this.setdefault(build["spec"], []).append(Record(**build))
        latest |= of_this
    return rows([record for records in latest.values() for record in records], EXPERT)


PAGES: Sequence[tuple[str, Callable[[Sequence[dict[str, Any]]], str]]] = (
    ("README.md", summary),
    ("bench/README.md", figures),
)


def written() -> Iterator[tuple[Path, str]]:
    """Each file with the text that it should have."""
    for name, block in PAGES:
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        match = BLOCK.search(text)
        if not match:
            raise ValueError(f"{name} has no block of figures")
        files = [BENCH / "results" / file.strip().rsplit("/", 1)[-1] for file in match[2].split(",")]
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        yield page, text[: match.start()] + match[1] + block(results) + match[3] + text[match.end() :]
        if name == "README.md":
            shown = [row for row in found(results) if row.spec == SHOWN and row.side in SIDES]
            yield PICTURE, plot([row for row in shown if row.scenario in SUMMARY], SIDES)


def main() -> int:
    is_stale = False
    for path, text in written():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        name = path.relative_to(ROOT)
        if "--check" in sys.argv[1:]:
            print(f"gen-docs: {name} has other figures than its results; run scripts/gen-docs", file=sys.stderr)
            is_stale = True
            continue
        path.write_text(text, encoding="utf-8")
        print(f"gen-docs: wrote {name}")
    return 1 if is_stale else 0


if __name__ == "__main__":
    sys.exit(main())
