"""The compared programs: how each builds and pushes an image from a context.

Each knows its own command; what is built when, and what is made of the times, it does not know.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.machine import BENCH, run
from harness.services import CA_IMAGE, OUR_FRONTEND, Services
from harness.spec import Spec


@dataclass(frozen=True)
class Built:
    """One build, timed."""

    seconds: float
    """The running time of the program that builds and pushes."""
    stream: str
    """BuildKit's status messages."""
    before: dict[str, float] = field(default_factory=dict)
    """The times before that program starts, by kind."""


class Side(Protocol):
    """One way from a spec to an image."""

    def build(self, spec: Spec, context: Path, reference: str) -> Built: ...


class Peer:
    """Flytekit's `DefaultImageBuilder`: its context, its Dockerfile, BuildKit's Dockerfile frontend."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def fields(self, spec: Spec, context: Path) -> dict[str, object]:
        """The spec as the peer's class takes it, with tool images of the lab and the same CA bundle as ours."""
        return {
            **spec.fields,
            "source_root": str(context / spec.fields["source_root"]),
            "builder_config": {"uv_image": self.services.lab.uv_image, "micromamba_image": CA_IMAGE},
            "env": {**spec.fields["env"], "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
        }

    def build(self, spec: Spec, context: Path, reference: str) -> Built:
        generated = context.parent / "peer-context"
        shutil.rmtree(generated, ignore_errors=True)
        generated.mkdir()
        request = json.dumps({"fields": self.fields(spec, context), "context": str(generated)})
        python = self.services.lab.venv_python
        prepared = run([python, BENCH / "harness/peer_context.py"], cwd=context, stdin=request)
        parts = json.loads(prepared.stdout)
        before = {**parts, "start": prepared.seconds - sum(parts.values())}
        done = self.services.buildctl(
            "build", "--progress", "rawjson", "--frontend", "dockerfile.v0",
            "--opt", "platform=linux/amd64", "--local", f"context={generated}", "--local", f"dockerfile={generated}",
            "--output", f"type=image,name={reference},push=true",
        )  # fmt: skip
        return Built(done.seconds, done.stderr, before)


class OurFrontend:
    """Our frontend image with buildctl, as `# syntax=` uses it with Docker."""

    def __init__(self, services: Services, compression: str) -> None:
        self.services = services
        self.compression = compression

    def build(self, spec: Spec, context: Path, reference: str) -> Built:
        done = self.services.buildctl(
            "build", "--progress", "rawjson", "--frontend", "gateway.v0", "--opt", f"source={OUR_FRONTEND}",
            "--opt", "platform=linux/amd64", "--opt", "filename=imagespec.json",
            "--local", f"context={context}", "--local", f"dockerfile={context}",
            "--secret", f"id=ca_bundle,src={self.services.lab.ca_bundle}",
            "--opt", "build-arg:IMAGESPEC_CA_BUNDLE=ca_bundle",
            "--output", f"type=image,name={reference},push=true,compression={self.compression}",
        )  # fmt: skip
        return Built(done.seconds, done.stderr)


class OurCommand:
    """Our command line, which compiles in its own process."""

    def __init__(self, services: Services, compression: str | None = None) -> None:
        self.services = services
        self.output = ["--push"]
        if compression:
            self.output = ["--output", f"type=image,push=true,compression={compression}"]

    def build(self, spec: Spec, context: Path, reference: str) -> Built:
        lab = self.services.lab
        done = run(
            [
                lab.imagespec, "build", "--addr", self.services.address, "--progress", "rawjson",
                "--ca-bundle", lab.ca_bundle, "--platform", "linux/amd64",
                "-f", context / "imagespec.json", "-t", reference, *self.output,
                *(["--always-build"] if spec.always_build else []), context,
            ],
            env={"IMAGESPEC_CACHE_DIR": str(lab.answers)},
        )  # fmt: skip
        return Built(done.seconds, done.stderr)


@dataclass(frozen=True)
class Known:
    """A side before there is a daemon to build with."""

    about: str
    make: Callable[[Services], Side]


SIDES = {
    "peer": Known("Flytekit's Dockerfile, BuildKit's Dockerfile frontend, gzip", Peer),
    "cli": Known("imagespec build --push, as it is by default", OurCommand),
    "cli-gzip": Known("imagespec build, gzip", lambda services: OurCommand(services, "gzip")),
    "cli-zstd": Known("imagespec build, zstd", lambda services: OurCommand(services, "zstd")),
    "frontend": Known("our frontend image through buildctl, zstd", lambda services: OurFrontend(services, "zstd")),
    "frontend-gzip": Known("our frontend image, gzip", lambda services: OurFrontend(services, "gzip")),
}
DEFAULT_SIDES = ("peer", "cli", "cli-zstd", "frontend")
