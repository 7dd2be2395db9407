"""Reads BuildKit's status stream (`--progress rawjson`): the time of each kind of work.

Phases overlap, because daemons work in parallel: they do not add up to the wall clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# The first that matches a step's name. The peer's steps are `[stage-2 4/9] RUN …`, ours `[apt] …`.
_STEPS = (
    ("apt", re.compile(r"apt-get update|^\[(\S+ )?apt\]")),
    ("pip", re.compile(r"uv (venv|pip)\b|^\[(\S+ )?(python|pip|lock|venv)\]")),
    ("pull", re.compile(r"\] FROM |^\[(\S+ )?image\]|^docker-image://|load metadata for|resolve image config")),
    ("files", re.compile(r"\] COPY |load build context|^\[(\S+ )?(source|copy)\]")),
)
# The exporter is one step, whose parts are distinguished by their status lines.
_PARTS = (("push", re.compile(r"^pushing ")), ("export", re.compile(r"^exporting ")))
_FRACTION = re.compile(r"\.(\d{6})\d*")

_Span = tuple[float, float]


@dataclass(frozen=True)
class Status:
    """The content of a build's stream."""

    phases: dict[str, float]
    """Seconds in which at least one step of the kind was running."""
    executed: tuple[str, ...]
    """Steps that were not cached, without loading of files, metadata and images."""


def read(stream: str) -> Status:
    spans: dict[str, dict[str, _Span]] = {name: {} for name, _ in (*_STEPS, *_PARTS)}
    executed: dict[str, str] = {}
    for line in stream.splitlines():
        # The stream also contains the client's own lines.
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        for vertex in message.get("vertexes") or []:
            kind = _kind(vertex["name"], _STEPS)
            if kind:
                _note(spans[kind], vertex["digest"], vertex)
            if vertex.get("completed") and not vertex.get("cached") and _counts(vertex["name"], kind):
                executed[vertex["digest"]] = vertex["name"]
        for status in message.get("statuses") or []:
            kind = _kind(status["id"], _PARTS)
            if kind:
                _note(spans[kind], status["id"], status)
    phases = {kind: round(_covered(found.values()), 3) for kind, found in spans.items()}
    return Status(phases, tuple(executed.values()))


def _counts(name: str, kind: str | None) -> bool:
    """Whether a step belongs to the image, not to the build itself."""
    return kind != "pull" and not name.startswith(("[internal]", "exporting to "))


def _kind(name: str, kinds: Iterable[tuple[str, re.Pattern[str]]]) -> str | None:
    return next((kind for kind, pattern in kinds if pattern.search(name)), None)


def _note(spans: dict[str, _Span], key: str, entry: dict[str, Any]) -> None:
    """Extends the interval of a step, which may be reported as started more than once."""
    if entry.get("started") and entry.get("completed"):
        start, end = _seconds(entry["started"]), _seconds(entry["completed"])
        known = spans.get(key, (start, end))
        spans[key] = (min(start, known[0]), max(end, known[1]))


def _seconds(text: str) -> float:
    # Go writes nanoseconds, Python reads microseconds.
    return datetime.fromisoformat(_FRACTION.sub(r".\1", text)).timestamp()


def _covered(spans: Iterable[_Span]) -> float:
    """Length of the union of intervals."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
