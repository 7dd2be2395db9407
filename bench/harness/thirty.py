"""Thirty images of one project, built and pushed together: ours in one call, the experts' Dockerfiles with `docker buildx bake` and one
by one. All have their locks before the first build.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from harness.machine import BENCH, run
from harness.report import Ratio
from harness.services import REGISTRY, Services
from harness.sides import Expert, OurCommand
from harness.spec import Spec


@dataclass(frozen=True)
class Timed:
    """One build of all images."""

    side: str
    scenario: str
    repetition: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Project:
    """The images by name, each with a folder of its own."""

    folder: Path
    specs: dict[str, Spec]

    def context(self, name: str) -> Path:
        return self.folder / name

    def reference(self, name: str) -> str:
        return f"{REGISTRY}/thirty/{name}:1"


def load(services: Services, flytekit: str) -> Project:
    images = tomllib.loads((BENCH / "specs/thirty.toml").read_text(encoding="utf-8"))["image"]
    specs = {}
    for image in images:
        spec = Spec.load(image["spec"], flytekit, services.lab.uv_image)
        name = image["env"]["JOB"]
        fields = {
            **spec.fields,
            "name": f"thirty/{name}",
            "registry": REGISTRY,
            "packages": [*spec.fields["packages"], image["package"]],
            "env": {**spec.fields["env"], **image["env"]},
        }
        specs[name] = replace(spec, fields=fields)
    return Project(services.lab.state / "work/thirty", specs)


def measure(services: Services, flytekit: str, repetitions: int, say: Callable[[str], None]) -> list[Timed]:
    project = load(services, flytekit)
    shutil.rmtree(project.folder, ignore_errors=True)
    say(f"thirty: locks of {len(project.specs)} images")
    ours, expert = OurCommand(services, "zstd", locked=True), Expert(services, "zstd")
    for name, spec in project.specs.items():
        context = project.context(name)
        spec.write(context)
        ours.prepare(spec, context)
        expert.prepare(spec, context)
        expert.write_dockerfile(spec, context, [])
    builder = Builder(services)
    sides: dict[str, Callable[[], None]] = {
        "ours": lambda: build_ours(services, project),
        "bake": lambda: builder.bake(project),
        "one by one": lambda: one_by_one(expert, project),
    }
    found = []
    try:
        # Downloads of all sides.
        for build in sides.values():
            build()
        for repetition in range(repetitions):
            turn = repetition % len(sides)
            order = list(sides.items())
            for name, build in order[turn:] + order[:turn]:
                services.prune(keep_downloads=True)
                for scenario in ("cold", "warm"):
                    timed = timed_build(services, build)
                    found.append(Timed(name, scenario, repetition, *timed))
                    say(f"thirty {repetition} {name:10} {scenario:5} {timed[0]:7.2f} s, CPU {timed[1]:6.1f} s")
    finally:
        builder.remove()
    return found


def timed_build(services: Services, build: Callable[[], None]) -> tuple[float, float]:
    """Seconds and processor seconds."""
    os.sync()
    began, cpu = os.times().elapsed, -_cpu(services)
    build()
    return os.times().elapsed - began, cpu + _cpu(services)


def _cpu(services: Services) -> float:
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    return services.cpu_seconds() + clients.ru_utime + clients.ru_stime


def build_ours(services: Services, project: Project) -> None:
    lab = services.lab
    files = [word for name in project.specs for word in ("-f", str(project.context(name) / "imagespec.json"))]
    command = [
        lab.imagespec, "build", "--addr", services.address, "--ca-bundle", lab.ca_bundle, "--platform", "linux/amd64",
        "--output", "type=image,push=true,compression=zstd", *files, project.folder,
    ]  # fmt: skip
    run(command, env={"IMAGESPEC_CACHE_DIR": str(lab.answers)})


def one_by_one(expert: Expert, project: Project) -> None:
    for name, spec in project.specs.items():
        expert.build(spec, project.context(name), project.reference(name))


class Builder:
    """Docker's client with the bench's daemon."""

    NAME = "imagespec-bench"

    def __init__(self, services: Services) -> None:
        self.services = services
        self._docker("buildx", "rm", "--keep-daemon", self.NAME, check=False)
        self._docker("buildx", "create", "--name", self.NAME, "--driver", "remote", services.address)

    def bake(self, project: Project) -> None:
        targets = {
            name: {
                "context": str(project.context(name)),
                "tags": [project.reference(name)],
                "platforms": ["linux/amd64"],
                "secret": [f"id=ca_bundle,src={self.services.lab.ca_bundle}"],
                "output": ["type=image,push=true,compression=zstd"],
                "attest": ["type=provenance,disabled=true"],
            }
            for name in project.specs
        }
        path = project.folder / "docker-bake.json"
        value = {"group": {"default": {"targets": list(targets)}}, "target": targets}
        path.write_text(json.dumps(value), encoding="utf-8")
        self._docker("buildx", "bake", "--builder", self.NAME, "--file", path)

    def remove(self) -> None:
        self._docker("buildx", "rm", "--keep-daemon", self.NAME, check=False)

    def _docker(self, *words: str | Path, check: bool = True) -> None:
        command: list[str | Path] = [self.services.lab.docker, *words]
        run(command if check else ["sh", "-c", '"$@" || true', "sh", *command])


def medians(found: list[Timed]) -> str:
    """A table of both scenarios, with ratios to bake."""
    lines = ["| thirty images | side | n | s | ratio (95 %) | CPU s | ratio (95 %) |", "|---" * 7 + "|"]
    for scenario in ("cold", "warm"):
        of = {side: [one for one in found if (one.side, one.scenario) == (side, scenario)] for side in _sides(found)}
        bake = of.get("bake") or []
        for side, timed in of.items():
            cells = []
            for values, others in (
                ([one.seconds for one in timed], [one.seconds for one in bake]),
                ([one.cpu for one in timed], [one.cpu for one in bake]),
            ):
                ratio = Ratio.of(values, others) if others and side != "bake" else None
                cells += [f"{median(values):.1f}", str(ratio or "–")]
            lines.append(f"| {scenario} | {side} | {len(timed)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _sides(found: list[Timed]) -> list[str]:
    return list(dict.fromkeys(one.side for one in found))


def as_json(found: list[Timed]) -> list[dict[str, Any]]:
    return [{**asdict(one), "seconds": round(one.seconds, 3), "cpu": round(one.cpu, 2)} for one in found]
