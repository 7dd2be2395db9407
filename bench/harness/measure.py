"""The run: which side builds what, in which order, and what is recorded of each build."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import registry, status
from harness.machine import load
from harness.services import MOVING_BASE, REGISTRY, Services
from harness.sides import NO_CACHE, Cache, Side
from harness.spec import AFTER_COLD, COLD, COLD_EMPTY, ELSEWHERE, FRESH, MOVED, SECOND, Scenario, Spec


@dataclass(frozen=True)
class Record:
    """One measured build."""

    spec: str
    side: str
    scenario: str
    repetition: int
    seconds: float
    """The running time of the program that builds."""
    before: dict[str, float]
    """The time before it: the peer's start, import and context."""
    cpu: float
    """Processor seconds of daemon, steps and client together."""
    phases: dict[str, float]
    steps_run: int
    """Steps that were not taken from the cache."""
    new_layers: int
    """New layers in the repository."""
    new_bytes: int
    image_bytes: int
    """All layers, the base's included."""
    load: float
    """The machine's load average just before."""
    pulled_bytes: int = 0
    """Layers that a node has to pull that has the image of the build before."""

    @property
    def whole(self) -> float:
        """The time that a user waits."""
        return self.seconds + sum(self.before.values())

    def as_json(self) -> dict[str, Any]:
        rounded = {name: round(value, 3) for name, value in self.before.items()}
        return {
            **asdict(self),
            "seconds": round(self.seconds, 3),
            "cpu": round(self.cpu, 2),
            "before": rounded,
            "load": round(self.load, 2),
        }


# What takes longer is built once in a cycle, and MIN_TURNS times in turn with other sides.
QUICK_SECONDS = 1.0
BUILDS_A_CYCLE = 7
MAX_TURNS = 20
MIN_TURNS = 3


@dataclass(frozen=True)
class Cycle:
    """The builds of one spec on one side in one repetition: both cold builds, then the edits."""

    services: Services
    base: registry.Image
    spec: Spec
    name: str
    side: Side
    repetition: int
    say: Callable[[str], None]
    make: Callable[[Services], Side]
    """Makes the same side for another daemon."""
    nodes: dict[str, set[str]] = field(default_factory=dict)
    """The layers of the last image of each repository."""

    @property
    def repository(self) -> str:
        return f"bench/{self.spec.name}-{self.name}-{self.repetition}"

    def run(self, scenarios: Sequence[Scenario]) -> list[Record]:
        """Builds every scenario that is not quick; the state before each is that after the cold build and earlier edits."""
        scenarios = [scenario for scenario in scenarios if not scenario.is_quick]
        context = self._context()
        self._restore(context)
        records = []
        if COLD_EMPTY in scenarios:
            self._forget(keep_downloads=False)
            records.append(self._build(COLD_EMPTY, context, f"{self.repository}-empty"))
        if COLD in scenarios or any(edit in scenarios for edit in (*AFTER_COLD, *ELSEWHERE)):
            self._forget(keep_downloads=True)
            records.append(self._build(COLD, context, self.repository))
        for edit in (edit for edit in AFTER_COLD if edit in scenarios):
            records += self._several(edit, lambda cycle, edit=edit: cycle._build(edit, context, self.repository), context)
        # The project as it was before the edits.
        self._restore(context)
        if SECOND in scenarios:
            with self.services.another() as other:
                records.append(self._build(SECOND, context, self.repository, on=other))
        if FRESH in scenarios:
            cache = f"{REGISTRY}/{self.repository}:cache"
            self._build(FRESH, context, self.repository, cache=Cache(writes=cache))

            def fresh(cycle: Cycle) -> Record:
                with self.services.another() as other:
                    return cycle._build(FRESH, context, self.repository, on=other, cache=Cache(reads=cache))

            records += self._several(FRESH, fresh, context)
        if MOVED in scenarios:
            records.append(self._moved(context))
        return records

    def _several(self, scenario: Scenario, build: Callable[[Cycle], Record], context: Path) -> list[Record]:
        """Builds a scenario, several times if it is quick. Each time, the project is first what it was before the edits."""
        records: list[Record] = []
        while not records or (
            scenario.is_repeated and len(records) < BUILDS_A_CYCLE and records[0].seconds < QUICK_SECONDS
        ):
            if scenario.is_repeated:
                self._restore(context)
            turn = self.repetition * BUILDS_A_CYCLE + len(records)
            built = build(replace(self, spec=replace(self.spec, turn=turn)))
            records.append(replace(built, repetition=turn))
        return records

    def _restore(self, context: Path) -> None:
        self.spec.write(context)
        self.side.prepare(self.spec, context)

    def begin_turns(self) -> None:
        """Builds the image that the edits of `turn` start from. What other sides have built is kept."""
        context = self._context()
        self._restore(context)
        self._build(COLD, context, self.repository)

    def turn(self, scenario: Scenario, number: int) -> Record:
        """Builds a quick edit, whose image has the same name every time."""
        spec = replace(self.spec, turn=number, maker=self.name)
        built = replace(self, spec=spec)._build(scenario, self._folder, self.repository)
        return replace(built, repetition=number)

    def _moved(self, context: Path) -> Record:
        """A build on a base image, and the same after its name has moved. What the new base itself has does not count."""
        image = self.spec.fields["base_image"]
        spec = replace(self.spec, fields={**self.spec.fields, "base_image": MOVING_BASE})
        cycle = replace(self, spec=spec)
        self.services.push_unmoved_base(image)
        repository = f"{self.repository}-moved"
        cycle._restore(context)
        cycle._build(MOVED, context, repository)
        self.services.push_moved_base(image)
        name, _, tag = MOVING_BASE.removeprefix(f"{REGISTRY}/").rpartition(":")
        base = registry.image(name, tag)
        return replace(cycle, base=base)._build(MOVED, context, repository)

    def reference(self, scenario: Scenario) -> str:
        return f"{REGISTRY}/{self.repository}:{_tag(scenario)}"

    def _cpu_seconds(self, on: Services | None) -> float:
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (on or self.services).cpu_seconds() + clients.ru_utime + clients.ru_stime

    @property
    def _folder(self) -> Path:
        return self.services.lab.state / f"work/{self.spec.name}-{self.name}/context"

    def _context(self) -> Path:
        shutil.rmtree(self._folder.parent, ignore_errors=True)
        return self._folder

    def _forget(self, *, keep_downloads: bool) -> None:
        self.services.prune(keep_downloads=keep_downloads)
        # The daemon deletes unused data over time.
        time.sleep(1)

    def _build(
        self,
        scenario: Scenario,
        context: Path,
        repository: str,
        on: Services | None = None,
        cache: Cache = NO_CACHE,
    ) -> Record:
        if scenario in (COLD_EMPTY, COLD):
            registry.give_base_layers(self.base, repository)
        spec = scenario.edit(self.spec)
        spec.write(context)
        # Pending writes of the previous build must not slow down this one.
        os.sync()
        had = registry.known_layers(repository) | set(self.base.layers)
        tag = _tag(scenario)
        node = self.nodes.get(repository, set()) | set(self.base.layers)
        side = self.make(on) if on else self.side
        busy = load()
        cpu = -self._cpu_seconds(on)
        built = side.build(spec, context, f"{REGISTRY}/{repository}:{tag}", cache)
        cpu += self._cpu_seconds(on)
        image = registry.image(repository, tag)
        new = {digest: size for digest, size in image.layers.items() if digest not in had}
        pulled = sum(size for digest, size in image.layers.items() if digest not in node)
        self.nodes[repository] = set(image.layers)
        streams = self.services.lab.state / "streams"
        streams.mkdir(exist_ok=True)
        name = f"{spec.name}-{self.name}-{self.repetition}-{scenario.name}.jsonl"
        (streams / name).write_text(built.stream, encoding="utf-8")
        seen = status.read(built.stream)
        record = Record(
            spec=spec.name,
            side=self.name,
            scenario=scenario.name,
            repetition=self.repetition,
            seconds=built.seconds,
            before=built.before,
            cpu=cpu,
            phases=seen.phases,
            steps_run=len(seen.executed),
            new_layers=len(new),
            new_bytes=sum(new.values()),
            image_bytes=image.size,
            load=busy,
            pulled_bytes=pulled,
        )
        self.say(
            f"{spec.name:5} {self.repetition}.{spec.turn:<2} {self.name:13} {scenario.name:9} {record.seconds:7.2f} s, "
            f"CPU {record.cpu:6.1f} s, {record.new_layers:3} layers {record.new_bytes / 1e6:7.1f} MB, "
            f"{record.steps_run} run, load {busy:.1f}"
        )
        return record


def in_turn(cycles: Sequence[Cycle], scenarios: Sequence[Scenario]) -> list[Record]:
    """Builds quick scenarios on all sides in turn, each side first in turn."""
    quick = [scenario for scenario in scenarios if scenario.is_quick]
    if not quick:
        return []
    cycles[0]._forget(keep_downloads=True)
    for cycle in cycles:
        cycle.begin_turns()
    records = []
    for scenario in quick:
        slow = set()
        for number in range(MAX_TURNS):
            turn = number % len(cycles)
            for cycle in [*cycles[turn:], *cycles[:turn]]:
                if number >= MIN_TURNS and cycle.name in slow:
                    continue
                records.append(cycle.turn(scenario, number))
                if records[-1].seconds > QUICK_SECONDS:
                    slow.add(cycle.name)
    return records


def _tag(scenario: Scenario) -> str:
    """The name of the image, which is the same for a build that repeats the first one."""
    return (COLD if scenario.repeats else scenario).name
