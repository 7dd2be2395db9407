"""Paths and commands: the lab's environment, the bench's own folder, child processes.

Nothing here knows what is measured.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent


class BenchError(Exception):
    """A part does not start, or a build fails; the text is for the user of the bench."""


@dataclass(frozen=True)
class Lab:
    """The variables that `lab/up` and `bench/run` export."""

    state: Path
    """The bench's own folder below the lab's: venv, daemons, work folders."""
    buildkitd: Path
    buildctl: Path
    docker: Path
    registry: Path
    buildkitd_config: Path
    docker_config: Path
    ca_bundle: Path
    uv_image: str
    imagespec: Path
    """Our command line."""
    frontend: Path
    """The frontend image's static program."""

    @classmethod
    def from_environment(cls) -> Lab:
        lab = Path(_variable("IMAGESPEC_LAB"))
        return cls(
            state=lab / "bench",
            buildkitd=Path(_variable("IMAGESPEC_LAB_BUILDKITD")),
            buildctl=Path(_variable("IMAGESPEC_LAB_BUILDCTL")),
            docker=Path(_variable("IMAGESPEC_LAB_DOCKER")),
            registry=lab / "debs/bookworm/usr/bin/docker-registry",
            buildkitd_config=lab / "buildkitd/buildkitd.toml",
            docker_config=Path(_variable("DOCKER_CONFIG")),
            ca_bundle=Path(_variable("IMAGESPEC_LAB_CA_BUNDLE")),
            uv_image=_variable("IMAGESPEC_LAB_UV_IMAGE"),
            imagespec=Path(_variable("IMAGESPEC_BIN")),
            frontend=Path(_variable("IMAGESPEC_FRONTEND_BIN")),
        )

    @property
    def answers(self) -> Path:
        """The memory of our command line between builds."""
        return self.state / "answers"

    @property
    def uv(self) -> Path:
        """uv for this machine, in the version of the tool image."""
        return self.state.parent / "images/uv/amd64/uv"

    @property
    def flyte2_python(self) -> Path:
        """The interpreter with Flyte v2 installed."""
        return self.state / "venv-flyte2/bin/python"

    @property
    def venv_python(self) -> Path:
        """The interpreter with the peer installed."""
        return self.state / "venv/bin/python"


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise BenchError(f"{name} is not set; start the bench with bench/run, which sets it with lab/up") from None


@dataclass(frozen=True)
class Finished:
    """A command that succeeded."""

    seconds: float
    stdout: str
    stderr: str


def run(
    command: list[str | Path],
    *,
    cwd: Path | None = None,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
) -> Finished:
    """Runs a command. If it fails, the bench ends with the last lines of its output."""
    words = [str(word) for word in command]
    variables = {**os.environ, **(env or {})}
    began = time.perf_counter()
    done = subprocess.run(words, cwd=cwd, input=stdin, env=variables, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise BenchError(f"{' '.join(words)}\nfailed with exit code {done.returncode}:\n{tail}")
    return Finished(seconds, done.stdout, done.stderr)


def only_one(state: Path) -> IO[str]:
    """Ends the bench if another one is running, because it would use the same ports and processors."""
    state.mkdir(parents=True, exist_ok=True)
    lock = (state / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchError("another bench is running on this machine") from None
    return lock


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]
