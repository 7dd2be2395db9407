"""`python -m harness`: arguments, the order of a run, its output and results. Started by bench/run."""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness import contents, program, registry, report, thirty, versions
from harness.index import URL, KeptIndex
from harness.machine import BENCH, BenchError, Lab, load, only_one
from harness.measure import Cycle, Record, in_turn
from harness.services import BASE_REPOSITORY, Services
from harness.sides import DEFAULT_SIDES, SIDES
from harness.spec import COLD, ELSEWHERE, SCENARIOS, SOURCE_FILES, Scenario, Spec

DEFAULT_SPECS = ("small", "data")


@dataclass
class Outcome:
    """The results of a run."""

    records: list[Record] = field(default_factory=list)
    contents: dict[str, dict[str, contents.Contents]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    program: dict[str, Any] = field(default_factory=dict)
    thirty: list[thirty.Timed] = field(default_factory=list)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="ImageSpec builds beside Dockerfiles for the same images, on one daemon."
    )
    parser.add_argument("--quick", action="store_true", help="spec small once; writes no file unless --name is given")
    parser.add_argument("-n", type=int, metavar="N", help="repetitions (default 3, with --quick 1)")
    parser.add_argument("--spec", action="append", choices=tuple(SOURCE_FILES), help="only this one; repeatable")
    parser.add_argument(
        "--side", action="append", choices=tuple(SIDES), help=f"repeatable; default {', '.join(DEFAULT_SIDES)}"
    )
    parser.add_argument(
        "--thirty", action="store_true", help="only the thirty images of specs/thirty.toml, beside docker buildx bake"
    )
    parser.add_argument("--against", choices=tuple(SIDES), help="the side that the others are compared with (default: expert, or the first)")
    names = tuple(scenario.name for scenario in SCENARIOS)
    parser.add_argument("--scenario", action="append", choices=names, help="only this one; repeatable")
    parser.add_argument(
        "--kept-index",
        action="store_true",
        help="both sides ask an index that keeps PyPI's pages for ten minutes, instead of PyPI",
    )
    parser.add_argument("--name", help="results become bench/results/<date>-NAME.json (default: the specs)")
    given = parser.parse_args(words)
    given.specs = given.spec or (("small",) if given.quick else DEFAULT_SPECS)
    given.sides = given.side or DEFAULT_SIDES
    given.against = given.against or ("expert" if "expert" in given.sides else given.sides[0])
    given.repetitions = given.n or (1 if given.quick else 3)
    given.scenarios = [scenario for scenario in SCENARIOS if not given.scenario or scenario.name in given.scenario]
    if not given.name and not given.quick:
        given.name = "thirty" if given.thirty else "-".join(given.specs)
    return given


def measure(services: Services, given: argparse.Namespace, outcome: Outcome) -> None:
    lab = services.lab
    flytekit = f"flytekit=={versions.flytekit(lab)}"
    if given.thirty:
        outcome.thirty = thirty.measure(services, flytekit, given.repetitions, say)
        return
    services.push_ca_image()
    services.push_frontend_image()
    index = URL if given.kept_index else None
    specs = [Spec.load(name, flytekit, lab.uv_image, index) for name in given.specs]
    compared = [(name, SIDES[name].make(services)) for name in given.sides]
    for spec in specs:
        services.push_base(spec.fields["base_image"])
        base = registry.image(BASE_REPOSITORY, "1")
        for repetition in range(given.repetitions):
            # Each side is first in turn.
            turn = repetition % len(compared)
            for name, side in compared[turn:] + compared[:turn]:
                cycle = Cycle(services, base, spec, name, side, repetition, say, SIDES[name].make)
                known = SIDES[name]
                of_side = [one for one in given.scenarios if known.is_built_elsewhere or one not in ELSEWHERE]
                outcome.records += cycle.run(of_side)
                if repetition == 0 and needs_cold(given.scenarios):
                    seen = contents.look_into(services, cycle.reference(COLD))
                    outcome.contents.setdefault(spec.name, {})[name] = seen
        cycles = [
            Cycle(services, base, spec, name, side, given.repetitions, say, SIDES[name].make) for name, side in compared
        ]
        outcome.records += in_turn(cycles, given.scenarios)
        compare(spec.name, outcome)
    outcome.program = program.figures(services, specs[0])


def needs_cold(scenarios: list[Scenario]) -> bool:
    return any(scenario.name != "cold-dl" and not scenario.is_quick for scenario in scenarios)


def compare(spec: str, outcome: Outcome) -> None:
    """Records the differences between the contents of the sides' images."""
    found = outcome.contents.get(spec, {})
    first = next(iter(found), None)
    peer = found.get("peer") or found.get(first or "")
    for name, ours in found.items():
        if peer and ours is not peer:
            outcome.differences += [f"{spec}, {name}: {text}" for text in contents.differences(peer, ours)]


def document(given: argparse.Namespace, parts: dict[str, str], outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "versions": parts,
        "sides": {name: SIDES[name].about for name in given.sides},
        "index": "kept" if given.kept_index else "PyPI",
        "repetitions": given.repetitions,
        "seconds": round(seconds),
        "program": outcome.program,
        "differences": outcome.differences,
        "thirty": thirty.as_json(outcome.thirty),
        "contents": {
            spec: {side: asdict(seen) for side, seen in found.items()} for spec, found in outcome.contents.items()
        },
        "builds": [record.as_json() for record in outcome.records],
    }


def keep(given: argparse.Namespace, value: dict[str, Any]) -> Path:
    """Writes the results."""
    stem = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-{given.name}"
    results = BENCH / "results"
    results.mkdir(exist_ok=True)
    written = results / f"{stem}.json"
    written.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    return written


def show(value: dict[str, Any], found: list[report.Row]) -> None:
    for name, about in value["sides"].items():
        print(f"{name}: {about}")
    print()
    print(report.table(found))
    print(report.phase_table(found))
    for name, figure in value["program"].items():
        print(f"{name}: {figure}")
    print("versions: " + ", ".join(f"{part} {version}" for part, version in value["versions"].items()))
    loads = sorted(build["load"] for build in value["builds"])
    if loads:
        print(f"load before each build: {loads[0]}–{loads[-1]}, median {loads[len(loads) // 2]}")
    print(
        "contents: " + ("; ".join(value["differences"]) or "the same distributions, programs and sources on all sides")
    )


def main(words: list[str]) -> int:
    given = arguments(words)
    lab = Lab.from_environment()
    outcome = Outcome()
    began = time.monotonic()
    with only_one(lab.state):
        # Before the measurements, while the checkout has not changed since the programs were built.
        parts = versions.versions(lab)
        if load() > 1.5:
            say(f"the machine is busy (load {load():.1f}): read ratios, not seconds")
        interrupted = False
        with KeptIndex() if given.kept_index else nullcontext(), Services(lab) as services:
            try:
                measure(services, given, outcome)
            except KeyboardInterrupt:
                interrupted = True
        value = document(given, parts, outcome, time.monotonic() - began)
        found = report.rows(outcome.records, given.against)
        if outcome.thirty:
            print(thirty.medians(outcome.thirty))
        show(value, found)
        if interrupted:
            say("bench: interrupted; these are the builds so far, and no file is written")
            return 130
        if given.name:
            say(f"wrote {keep(given, value).relative_to(BENCH.parent)}")
    return 0


if __name__ == "__main__":
    # SIGTERM ends the bench like an interrupt: results so far are written, and the daemons are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        say(f"bench: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
