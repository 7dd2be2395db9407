"""From records to tables: medians, spans, ratios to the peer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from harness.measure import Record

_COLUMNS = (
    *("scenario", "side", "n"),
    *("build s (min–max)", "ratio (95 %)"),
    *("whole s", "ratio (95 %)"),
    *("CPU s", "ratio (95 %)"),
    *("new layers", "MB pushed", "ratio", "MB pulled"),
)
PHASES = ("pull", "apt", "pip", "files", "export", "push")


@dataclass(frozen=True)
class Ratio:
    """A ratio of two medians, and the interval in which it is with a probability of 95 % (percentile bootstrap)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], others: Sequence[float]) -> Ratio | None:
        if not median(others):
            return None
        draw = Random(0)
        drawn = []
        for _ in range(2000):
            other = median(draw.choices(others, k=len(others)))
            if other:
                drawn.append(median(draw.choices(ours, k=len(ours))) / other)
        drawn.sort()
        low, high = drawn[round(0.025 * (len(drawn) - 1))], drawn[round(0.975 * (len(drawn) - 1))]
        return cls(median(ours) / median(others), low, high)

    def __str__(self) -> str:
        return f"{short(self.value)} ({short(self.low)}–{short(self.high)})"


@dataclass(frozen=True)
class Row:
    """All repetitions of one scenario on one side."""

    spec: str
    scenario: str
    side: str
    records: tuple[Record, ...]
    peer: tuple[Record, ...]

    @property
    def seconds(self) -> float:
        return median(record.seconds for record in self.records)

    @property
    def whole(self) -> float:
        return median(record.whole for record in self.records)

    @property
    def ratio(self) -> Ratio | None:
        """The time of the building program."""
        return self._compared(lambda record: record.seconds)

    @property
    def whole_ratio(self) -> Ratio | None:
        """The whole time that the user waits."""
        return self._compared(lambda record: record.whole)

    @property
    def cpu(self) -> float:
        return median(record.cpu for record in self.records)

    @property
    def cpu_ratio(self) -> Ratio | None:
        """Processor time, which depends less on other work of the machine."""
        return self._compared(lambda record: record.cpu)

    def _compared(self, value: Callable[[Record], float]) -> Ratio | None:
        if not self.peer or self.records == self.peer:
            return None
        return Ratio.of([value(record) for record in self.records], [value(record) for record in self.peer])

    @property
    def new_megabytes(self) -> float:
        return median(record.new_bytes for record in self.records) / 1e6

    @property
    def bytes_ratio(self) -> float | None:
        peer = median(record.new_bytes for record in self.peer) if self.peer else 0
        return self.new_megabytes * 1e6 / peer if peer else None

    @property
    def pulled_megabytes(self) -> float:
        return median(record.pulled_bytes for record in self.records) / 1e6

    @property
    def new_layers(self) -> int:
        return round(median(record.new_layers for record in self.records))

    def phase(self, name: str) -> float:
        return median(record.phases.get(name, 0.0) for record in self.records)


def rows(records: Sequence[Record], against: str = "peer") -> list[Row]:
    """In the order in which specs, scenarios and sides first appear, the one that all are compared with first."""
    found = []
    for spec in _distinct(record.spec for record in records):
        of_spec = [record for record in records if record.spec == spec]
        for scenario in _distinct(record.scenario for record in of_spec):
            of_scenario = [record for record in of_spec if record.scenario == scenario]
            peer = tuple(record for record in of_scenario if record.side == against)
            for side in sorted(
                _distinct(record.side for record in of_scenario), key=lambda side: (side != against, side)
            ):
                mine = tuple(record for record in of_scenario if record.side == side)
                found.append(Row(spec, scenario, side, mine, peer))
    return found


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def table(found: Sequence[Row]) -> str:
    """Markdown, one table a spec."""
    text = []
    for spec in _distinct(row.spec for row in found):
        text += [
            f"### {spec}",
            "",
            "| " + " | ".join(_COLUMNS) + " |",
            "|---" * len(_COLUMNS) + "|",
        ]
        for row in (row for row in found if row.spec == spec):
            times = [record.seconds for record in row.records]
            text.append(
                f"| {row.scenario} | {row.side} | {len(times)} | {row.seconds:.2f} ({min(times):.2f}–{max(times):.2f}) "
                f"| {row.ratio or '–'} | {row.whole:.2f} | {row.whole_ratio or '–'} "
                f"| {row.cpu:.2f} | {row.cpu_ratio or '–'} | {row.new_layers} "
                f"| {megabytes(row.new_megabytes)} | {_bytes_ratio(row)} "
                f"| {megabytes(row.pulled_megabytes)} |"
            )
        text.append("")
    return "\n".join(text)


def megabytes(value: float) -> str:
    """One decimal place, and more for small sizes such as a changed file."""
    return f"{value:.1f}" if value >= 0.1 or not value else f"{value:.4f}"


def _bytes_ratio(row: Row) -> str:
    return "–" if row.records == row.peer or row.bytes_ratio is None else short(row.bytes_ratio)


def short(value: float) -> str:
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def phase_table(found: Sequence[Row]) -> str:
    """The seconds of each kind of work; kinds overlap."""
    text = ["| spec | scenario | side | " + " | ".join(PHASES) + " | build |", "|---" * (len(PHASES) + 4) + "|"]
    for row in found:
        cells = " | ".join(f"{row.phase(name):.2f}" for name in PHASES)
        text.append(f"| {row.spec} | {row.scenario} | {row.side} | {cells} | {row.seconds:.2f} |")
    return "\n".join(text) + "\n"
