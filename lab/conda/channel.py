"""channel.py CHANNEL TREE WHEEL…: makes a conda channel of a Python tree and pure wheels.

The tree becomes the package `python` for linux-64, every wheel a noarch package; linux-aarch64 is there and empty.
The same input gives packages with the same files. It fetches nothing and knows nothing of where the channel is served.
"""

from __future__ import annotations

import asyncio
import email
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from conda_package_streaming.create import conda_builder
from rattler.index import index_fs

# Of every file and package: the same as in the lab's images.
EPOCH = 1700000000


class Package:
    """The files of one package, and its metadata as conda wants it in `info/`."""

    def __init__(self, subdir: str, name: str, version: str, build: str, depends: list[str]) -> None:
        self.index = {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "subdir": subdir,
            "depends": depends,
            "constrains": [],
            "timestamp": EPOCH * 1000,
        }
        self.members: list[tuple[tarfile.TarInfo, bytes]] = []
        self.paths: list[dict[str, object]] = []

    def add(self, path: str, content: bytes, executable: bool = False) -> None:
        self._member(path, content, executable)
        self._path(path, "hardlink", content)

    def link(self, path: str, target: str, content: bytes) -> None:
        member = tarfile.TarInfo(path)
        member.type = tarfile.SYMTYPE
        member.linkname = target
        member.mtime = EPOCH
        self.members.append((member, b""))
        self._path(path, "softlink", content)

    def write(self, channel: Path, extra: dict[str, object] | None = None) -> None:
        info: dict[str, object] = {
            "index.json": self.index,
            "paths.json": {"paths": self.paths, "paths_version": 1},
            "about.json": {},
            **(extra or {}),
        }
        for name, content in info.items():
            self._member(f"info/{name}", json.dumps(content, indent=2, sort_keys=True).encode())
        self._member("info/files", "".join(f"{path['_path']}\n" for path in self.paths).encode())
        folder = channel / str(self.index["subdir"])
        folder.mkdir(parents=True, exist_ok=True)
        stem = "{name}-{version}-{build}".format(**self.index)
        with conda_builder(stem, folder, compression_level=3) as archive:
            for member, content in self.members:
                archive.addfile(member, io.BytesIO(content))

    def _member(self, path: str, content: bytes, executable: bool = False) -> None:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        member.mode = 0o755 if executable else 0o644
        member.mtime = EPOCH
        self.members.append((member, content))

    def _path(self, path: str, kind: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        self.paths.append({"_path": path, "path_type": kind, "sha256": digest, "size_in_bytes": len(content)})


def python(tree: Path) -> Package:
    version = subprocess.run(
        [tree / "bin/python3.11", "-IBc", "import platform; print(platform.python_version())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # Debian 12's C library, which these programs were built with.
    package = Package("linux-64", "python", version, "deb12_0_cpython", ["__glibc >=2.36"])
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if path.is_symlink():
            package.link(name, str(path.readlink()), path.read_bytes())
        elif path.is_file():
            package.add(name, path.read_bytes(), executable=path.stat().st_mode & 0o100 != 0)
    return package


def requirement(text: str) -> str:
    """`six>=1.5` and `six (>=1.5)` as conda writes them."""
    name, version = re.fullmatch(r"([\w.-]+)\s*\(?([^()]*)\)?", text.strip()).groups()
    return f"{name.lower()} {version.replace(' ', '')}".strip()


def noarch(wheel: Path) -> tuple[Package, dict[str, object]]:
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        (info,) = {name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info")}
        if any(".data/" in name for name in names):
            raise SystemExit(f"{wheel.name}: has files that do not belong into site-packages")
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        depends = [f"python {metadata.get('Requires-Python', '').replace(' ', '')}".strip()]
        # What a marker asks for is left out: extras, old interpreters, other systems.
        depends += [requirement(text) for text in metadata.get_all("Requires-Dist", []) if ";" not in text]
        package = Package("noarch", metadata["Name"].lower(), metadata["Version"], "py_0", sorted(depends))
        package.index["noarch"] = "python"
        for name in names:
            package.add(f"site-packages/{name}", archive.read(name))
        package.add(f"site-packages/{info}/INSTALLER", b"conda\n")
        scripts = archive.read(f"{info}/entry_points.txt").decode() if f"{info}/entry_points.txt" in names else ""
    entry_points = console_scripts(scripts)
    link = {"noarch": {"type": "python", "entry_points": entry_points}, "package_metadata_version": 1}
    return package, {"link.json": link}


def console_scripts(text: str) -> list[str]:
    section, found = "", []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line
        elif line and section == "[console_scripts]":
            found.append(line)
    return found


def main() -> None:
    channel, tree, *wheels = map(Path, sys.argv[1:])
    python(tree).write(channel)
    for wheel in wheels:
        package, extra = noarch(wheel)
        package.write(channel, extra)
    (channel / "linux-aarch64").mkdir()
    # micromamba 2.0 reads no shards, and rattler takes `304 Not Modified` for an error there.
    asyncio.run(index_fs(channel, force=True, write_shards=False))
    # rattler's threads may still come back for an interpreter that is being taken down, which aborts.
    os._exit(0)


if __name__ == "__main__":
    main()
