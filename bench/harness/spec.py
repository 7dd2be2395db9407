"""The specs that are built, and the edits between two builds of one.

An edit is made to the spec as data, before either side sees it.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.machine import BENCH

# Source files of each spec; they are generated, the same in every run.
SOURCE_FILES = {"small": 20, "data": 20, "src": 2000, "ml": 20, "gpu": 20}

# None of them is a dependency of a spec, and each is small, so that the cost is that of the change itself.
EXTRA_PACKAGES = (
    *("humanize", "termcolor", "toolz", "sortedcontainers", "xmltodict", "unidecode", "shortuuid", "pyfiglet", "emoji"),
    *("inflection", "boltons", "munch", "colorama", "pytimeparse2", "wcwidth", "roman", "bidict", "durationpy"),
    *("parse", "semver", "natsort"),
)
EXTRA_APT_PACKAGE = "tree"

# One heavy package of each spec, and a bound that selects another version. Only pydantic also changes another package,
# its core.
BUMPED = {
    "small": ("pydantic", "pydantic<2.12"),
    "data": ("pyarrow", "pyarrow<21"),
    "src": ("pyarrow", "pyarrow<21"),
    "ml": ("catboost", "catboost<1.2.8"),
    "gpu": ("datasets", "datasets<4"),
}


@dataclass(frozen=True)
class Spec:
    """A spec for both sides, with its source files."""

    name: str
    fields: dict[str, Any]
    source_files: int
    edited_source: bool = False
    turn: int = 0
    """The number of an edit that is made several times; each is different."""
    maker: str = ""
    """Whoever makes the edits; those of different ones are different."""
    always_build: bool = False
    """Whether it is built even if our command line finds that the last push is up to date."""

    @classmethod
    def load(cls, name: str, flytekit: str, uv_image: str, index: str | None = None) -> Spec:
        """Reads a spec, and sets what would differ: flytekit, which the peer adds, uv's version, the index."""
        fields = tomllib.loads((BENCH / f"specs/{name}.toml").read_text(encoding="utf-8"))
        fields["packages"] = [*fields["packages"], flytekit]
        fields["builder_config"] = {"uv_image": uv_image}
        if index:
            fields["pip_index"] = index
        return cls(name, fields, SOURCE_FILES[name])

    @property
    def edit(self) -> str:
        return f"{self.maker}-{self.turn}"

    def write(self, folder: Path) -> None:
        """Writes the context of this spec to a folder: `imagespec.json` and `src/`."""
        folder.mkdir(parents=True, exist_ok=True)
        # With `python_exec`, our builds count the interpreter's packages as installed; the peer's default does not.
        # With only the version, both create an empty environment with the same interpreter.
        ours = {**self.fields, "python_version": "3.11"}
        del ours["python_exec"]
        # Ours uses its own tool images, which the lab has under their public names.
        del ours["builder_config"]
        (folder / "imagespec.json").write_text(json.dumps(ours, indent=2), encoding="utf-8")
        source = folder / "src"
        if not source.exists():
            shutil.rmtree(source, ignore_errors=True)
            for number in range(self.source_files):
                path = source / f"part_{number // 50:02}/module_{number:04}.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_module(number), encoding="utf-8")
        # Written only if it differs: an unchanged file keeps its time, as in an unchanged checkout.
        first = source / "part_00/module_0000.py"
        text = _module(0) + (f'EDITED = "{self.edit}"\n' if self.edited_source else "")
        if first.read_text(encoding="utf-8") != text:
            first.write_text(text, encoding="utf-8")


def _module(number: int) -> str:
    return f'"""Module {number} of the sources."""\n\n\ndef value() -> int:\n    return {number}\n'


@dataclass(frozen=True)
class Scenario:
    """The change between the first build of a repetition and the next."""

    name: str
    about: str
    edit: Callable[[Spec], Spec]
    repeats: bool = False
    """Whether the image has the name of the first build's image."""
    is_quick: bool = False
    """Whether it is built many times in turn with other sides, because it takes less than a second on some."""
    is_repeated: bool = False
    """Whether it is built several times in a cycle for the same reason, because the sides must not find what others have built."""


def _field(spec: Spec, name: str, value: object) -> Spec:
    return replace(spec, fields={**spec.fields, name: value})


def _variable(spec: Spec) -> Spec:
    return _field(spec, "env", {**spec.fields["env"], "LOG_LEVEL": f"debug-{spec.edit}"})


def _bumped(spec: Spec) -> Spec:
    package, other = BUMPED[spec.name]
    packages = [other if name == package else name for name in spec.fields["packages"]]
    return _field(spec, "packages", packages)


COLD_EMPTY = Scenario("cold-dl", "nothing cached, no package downloaded", lambda spec: spec)
COLD = Scenario("cold", "nothing cached but downloaded packages", lambda spec: spec)
# Each starts from the state after `cold` and the ones before it; none depends on another's edit.
AFTER_COLD = (
    Scenario("no-change", "the same again", lambda spec: spec, repeats=True, is_quick=True),
    Scenario("again", "the same, built again", lambda spec: replace(spec, always_build=True), repeats=True, is_quick=True),
    Scenario("env", "one variable edited", _variable, is_quick=True),
    Scenario("source", "one source file edited", lambda spec: replace(spec, edited_source=True), is_quick=True),
    Scenario(
        "pip",
        "one small pip package more",
        lambda spec: _field(spec, "packages", [*spec.fields["packages"], EXTRA_PACKAGES[spec.turn]]),
        is_repeated=True,
    ),
    Scenario("bump", "one heavy package in another version", _bumped),
    Scenario(
        "apt",
        "one small apt package more",
        lambda spec: _field(spec, "apt_packages", [*spec.fields["apt_packages"], EXTRA_APT_PACKAGE]),
    ),
)
# Each starts from the state after `cold`, on one daemon or two.
SECOND = Scenario("second", "the same on a second daemon, which has nothing", lambda spec: spec)
FRESH = Scenario(
    "fresh",
    "the same on a daemon that has nothing but a cache in the registry (mode=min)",
    lambda spec: spec,
    is_repeated=True,
)
MOVED = Scenario("moved", "the name of the base image leads to a newer one", lambda spec: spec)
ELSEWHERE = (SECOND, FRESH, MOVED)
SCENARIOS = (COLD_EMPTY, COLD, *AFTER_COLD, *ELSEWHERE)
