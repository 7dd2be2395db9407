"""Compares the contents of built images: a build that installs less is not a faster build."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.services import Services

_LIST = r"""
import compileall, importlib.metadata, pathlib, shutil, sys, sysconfig
found = sorted({f"{d.name}=={d.version}" for d in importlib.metadata.distributions()})
pathlib.Path("/listing/distributions").write_text("\n".join(found))
programs = [name for name in ("git", "curl", "gcc", "pyflyte") if shutil.which(name)]
pathlib.Path("/listing/programs").write_text("\n".join(programs))
pure = pathlib.Path(sysconfig.get_paths()["purelib"])
pathlib.Path("/listing/compiled").write_text(str(sum(1 for _ in pure.rglob("*.pyc"))))
sources = sum(1 for _ in pathlib.Path("/root").glob("part_*/*.py"))
pathlib.Path("/listing/sources").write_text(str(sources))
"""

_DOCKERFILE = """\
FROM {image} AS built
USER root
COPY list.py /list.py
RUN mkdir /listing && python /list.py
FROM scratch
COPY --from=built /listing /
"""


@dataclass(frozen=True)
class Contents:
    """The content of an image that must be the same on all sides."""

    distributions: tuple[str, ...]
    programs: tuple[str, ...]
    sources: int
    compiled: int
    """Files of byte code in the environment."""


def look_into(services: Services, image: str) -> Contents:
    folder = services.lab.state / "work/contents"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "list.py").write_text(_LIST, encoding="utf-8")
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(image=image), encoding="utf-8")
    out = folder / "out"
    services.buildctl(
        "build", "--frontend", "dockerfile.v0", "--local", f"context={folder}", "--local", f"dockerfile={folder}",
        "--output", f"type=local,dest={out}",
    )  # fmt: skip
    return Contents(
        distributions=_lines(out / "distributions"),
        programs=_lines(out / "programs"),
        sources=int((out / "sources").read_text()),
        compiled=int((out / "compiled").read_text()),
    )


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").splitlines())


def differences(peer: Contents, ours: Contents) -> list[str]:
    """Describes what only one side has. Byte code may differ by a few files that no module imports."""
    found = []
    for what, left, right in (
        ("distribution", peer.distributions, ours.distributions),
        ("program", peer.programs, ours.programs),
    ):
        found += [f"{what} {name} only in the peer's" for name in left if name not in right]
        found += [f"{what} {name} only in ours" for name in right if name not in left]
    if peer.sources != ours.sources:
        found.append(f"{peer.sources} source files in the peer's, {ours.sources} in ours")
    if abs(peer.compiled - ours.compiled) > peer.compiled // 100:
        found.append(f"{peer.compiled} files of byte code in the peer's, {ours.compiled} in ours")
    return found
