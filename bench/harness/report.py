"""From records to tables: medians, spans, ratios to the peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from harness.measure import Record

_COLUMNS = (
    *("scenario", "side", "n"),
    *("build s (min–max)", "ratio"),
    *("whole s", "ratio"),
    *("CPU s", "ratio"),
    *("new layers", "MB pushed", "ratio", "MB pulled"),
)
PHASES = ("pull", "apt", "pip", "files", "export", "push")


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
    def ratio(self) -> float | None:
        """The time of the building program."""
        return self.seconds / median(record.seconds for record in self.peer) if self.peer else None

    @property
    def whole_ratio(self) -> float | None:
        """The whole time that the user waits."""
        return self.whole / median(record.whole for record in self.peer) if self.peer else None

    @property
    def cpu(self) -> float:
        return median(record.cpu for record in self.records)

    @property
    def cpu_ratio(self) -> float | None:
        """Processor time, which depends less on other work of the machine."""
        return self.cpu / median(record.cpu for record in self.peer) if self.peer else None

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
                f"| {_ratio(row, row.ratio)} | {row.whole:.2f} | {_ratio(row, row.whole_ratio)} "
                f"| {row.cpu:.1f} | {_ratio(row, row.cpu_ratio)} | {row.new_layers} "
                f"| {megabytes(row.new_megabytes)} | {_ratio(row, row.bytes_ratio)} "
                f"| {megabytes(row.pulled_megabytes)} |"
            )
        text.append("")
    return "\n".join(text)


def megabytes(value: float) -> str:
    """One decimal place, and more for small sizes such as a changed file."""
    return f"{value:.1f}" if value >= 0.1 or not value else f"{value:.4f}"


def _ratio(row: Row, value: float | None) -> str:
    if row.records == row.peer or value is None:
        return "–"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def phase_table(found: Sequence[Row]) -> str:
    """The seconds of each kind of work; kinds overlap."""
    text = ["| spec | scenario | side | " + " | ".join(PHASES) + " | build |", "|---" * (len(PHASES) + 4) + "|"]
    for row in found:
        cells = " | ".join(f"{row.phase(name):.2f}" for name in PHASES)
        text.append(f"| {row.spec} | {row.scenario} | {row.side} | {cells} | {row.seconds:.2f} |")
    return "\n".join(text) + "\n"
