"""Figures of our programs: the time to compile a spec, and the sizes of the shipped files."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from harness import registry
from harness.machine import run
from harness.services import OUR_FRONTEND, REGISTRY, Services
from harness.spec import Spec

RUNS = 50


def figures(services: Services, spec: Spec) -> dict[str, Any]:
    """By name."""
    lab = services.lab
    image = registry.image(*OUR_FRONTEND.removeprefix(f"{REGISTRY}/").split(":"))
    return {
        "compile ms": compile_time(services, spec),
        "imagespec bytes": lab.imagespec.stat().st_size,
        "frontend program bytes": lab.frontend.stat().st_size,
        "frontend image bytes": image.size,
    }


def compile_time(services: Services, spec: Spec) -> dict[str, float]:
    """Milliseconds of whole processes that compile a spec from saved facts to LLB, without a daemon."""
    program = services.lab.imagespec
    context = services.lab.state / "work/compile"
    spec.write(context)
    facts = context / "facts.json"
    words: list[str | Path] = [
        program,
        "compile",
        "--platform",
        "linux/amd64",
        "-f",
        context / "imagespec.json",
        "--format",
        "pb",
        "--ca-bundle",
        services.lab.ca_bundle,
    ]
    # The output is binary, but `run` reads text.
    output: list[str | Path] = ["sh", "-c", 'exec "$@" >/dev/null', "sh"]
    run([*output, *words, "--addr", services.address, "--save-facts", facts, context])
    times = sorted(run([*output, *words, "--facts", facts, context]).seconds * 1000 for _ in range(RUNS))
    empty = median(run([*output, program, "--version"]).seconds * 1000 for _ in range(RUNS))
    return {
        "runs": RUNS,
        "median": round(median(times), 2),
        "min": round(times[0], 2),
        "max": round(times[-1], 2),
        "median of the program doing nothing": round(empty, 2),
    }
