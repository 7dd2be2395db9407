"""The compared programs: how each builds and pushes an image from a context.

Each knows its own command; what is built when, and what is made of the times, it does not know.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness.machine import BENCH, run
from harness.services import CA_IMAGE, OUR_FRONTEND, Services
from harness.spec import EXTRA_PACKAGES, Spec


EXPERT_PROJECT = """\
[project]
name = "bench-@NAME@"
version = "0"
requires-python = ">=3.11,<3.12"
dependencies = [
@DEPENDENCIES@]

[tool.uv]
package = false
environments = ["sys_platform == 'linux' and platform_machine == 'x86_64'"]

[[tool.uv.index]]
name = "pypi"
url = "https://pypi.org/simple"
default = true
# A mirror may drop what PyPI says of its files; an expert behind one repeats it.
cache-control = { api = "max-age=600", files = "max-age=365000000, immutable" }
"""

EXPERT_EXTRA = """\
RUN --mount=from=uv,source=/uv,target=/bin/uv --mount=type=cache,target=/root/.cache/uv \\
    --mount=type=secret,id=ca_bundle,target=/run/ca.pem \\
    SSL_CERT_FILE=/run/ca.pem UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy uv pip install @PACKAGE@
"""


@dataclass(frozen=True)
class Built:
    """One build, timed."""

    seconds: float
    """The running time of the program that builds and pushes."""
    stream: str
    """BuildKit's status messages."""
    before: dict[str, float] = field(default_factory=dict)
    """The times before that program starts, by kind."""


@dataclass(frozen=True)
class Cache:
    """A build cache in the registry."""

    reads: str | None = None
    writes: str | None = None

    def words(self, reads: str, writes: str) -> list[str]:
        """The arguments of a client with these options."""
        words = [reads, f"type=registry,ref={self.reads}"] if self.reads else []
        return words + ([writes, f"type=registry,ref={self.writes},mode=min"] if self.writes else [])


NO_CACHE = Cache()


class Side(Protocol):
    """One way from a spec to an image."""

    def prepare(self, spec: Spec, context: Path) -> None:
        """Makes the files that a project has before its first build, such as a lock. Not measured."""

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built: ...


class Peer:
    """Flytekit's `DefaultImageBuilder`: its context, its Dockerfile, BuildKit's Dockerfile frontend."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def prepare(self, spec: Spec, context: Path) -> None:
        pass

    def fields(self, spec: Spec, context: Path) -> dict[str, object]:
        """The spec as the peer's class takes it, with tool images of the lab and the same CA bundle as ours."""
        return {
            **spec.fields,
            "source_root": str(context / spec.fields["source_root"]),
            "builder_config": {"uv_image": self.services.lab.uv_image, "micromamba_image": CA_IMAGE},
            "env": {**spec.fields["env"], "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
        }

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built:
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
            "--output", f"type=image,name={reference},push=true", *cache.words("--import-cache", "--export-cache"),
        )  # fmt: skip
        return Built(done.seconds, done.stderr, before)


class FlyteV2:
    """The Dockerfile that Flyte v2 writes, with BuildKit's Dockerfile frontend."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def prepare(self, spec: Spec, context: Path) -> None:
        pass

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built:
        lab = self.services.lab
        generated = context.parent / "flyte2-context"
        shutil.rmtree(generated, ignore_errors=True)
        generated.mkdir()
        source = context / spec.fields["source_root"]
        asked = {"fields": spec.fields, "source": str(source), "context": str(generated), "uv_image": lab.uv_image}
        prepared = run([lab.flyte2_python, BENCH / "harness/flyte_v2.py"], cwd=context, stdin=json.dumps(asked))
        parts = json.loads(prepared.stdout)
        before = {**parts, "start": prepared.seconds - sum(parts.values())}
        done = self.services.buildctl(
            "build", "--progress", "rawjson", "--frontend", "dockerfile.v0",
            "--opt", "platform=linux/amd64", "--local", f"context={generated}", "--local", f"dockerfile={generated}",
            "--secret", f"id=ca_bundle,src={lab.ca_bundle}",
            "--output", f"type=image,name={reference},push=true", *cache.words("--import-cache", "--export-cache"),
        )  # fmt: skip
        return Built(done.seconds, done.stderr, before)


class Expert:
    """A Dockerfile written by hand by somebody who knows BuildKit and uv: `peers/expert.Dockerfile`, and a project with its lock."""

    def __init__(self, services: Services, compression: str, *, appends: bool = False) -> None:
        self.services = services
        self.compression = compression
        self.appends = appends
        """Whether an additional package is one more instruction at the end, instead of an edit of the project."""
        self.locks: dict[str, str] = {}

    def prepare(self, spec: Spec, context: Path) -> None:
        project = self._project(spec)
        (context / "pyproject.toml").write_text(project, encoding="utf-8")
        if project not in self.locks:
            self._lock(context)
            self.locks[project] = (context / "uv.lock").read_text(encoding="utf-8")
        (context / "uv.lock").write_text(self.locks[project], encoding="utf-8")

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built:
        appended = [name for name in spec.fields["packages"] if self.appends and name in EXTRA_PACKAGES]
        packages = [name for name in spec.fields["packages"] if name not in appended]
        project = self._project(replace(spec, fields={**spec.fields, "packages": packages}))
        before = {}
        if (context / "pyproject.toml").read_text(encoding="utf-8") != project:
            (context / "pyproject.toml").write_text(project, encoding="utf-8")
            before["lock"] = self._lock(context)
        self.write_dockerfile(spec, context, appended)
        done = self.services.buildctl(
            "build", "--progress", "rawjson", "--frontend", "dockerfile.v0",
            "--opt", "platform=linux/amd64", "--local", f"context={context}", "--local", f"dockerfile={context}",
            "--secret", f"id=ca_bundle,src={self.services.lab.ca_bundle}",
            "--output", f"type=image,name={reference},push=true,compression={self.compression}",
            *cache.words("--import-cache", "--export-cache"),
        )  # fmt: skip
        return Built(done.seconds, done.stderr, before)

    def write_dockerfile(self, spec: Spec, context: Path, appended: list[str]) -> None:
        dockerfile = (BENCH / "peers/expert.Dockerfile").read_text(encoding="utf-8")
        values = {
            "@BASE@": spec.fields["base_image"],
            "@APT@": " ".join(spec.fields["apt_packages"]),
            "@LOG@": spec.fields["env"]["LOG_LEVEL"],
            "@EXTRA@": "".join(EXPERT_EXTRA.replace("@PACKAGE@", name) for name in appended),
        }
        for name, value in values.items():
            dockerfile = dockerfile.replace(name, value)
        (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")

    def _project(self, spec: Spec) -> str:
        dependencies = "".join(f"  {json.dumps(name)},\n" for name in spec.fields["packages"])
        return EXPERT_PROJECT.replace("@NAME@", spec.name).replace("@DEPENDENCIES@", dependencies)

    def _lock(self, context: Path) -> float:
        variables = {"UV_PYTHON": "/usr/bin/python3", "UV_CACHE_DIR": str(self.services.lab.state / "uv-cache")}
        return run([self.services.lab.uv, "lock", "--quiet"], cwd=context, env=variables).seconds


class OurFrontend:
    """Our frontend image with buildctl, as `# syntax=` uses it with Docker."""

    def __init__(self, services: Services, compression: str) -> None:
        self.services = services
        self.compression = compression

    def prepare(self, spec: Spec, context: Path) -> None:
        pass

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built:
        done = self.services.buildctl(
            "build", "--progress", "rawjson", "--frontend", "gateway.v0", "--opt", f"source={OUR_FRONTEND}",
            "--opt", "platform=linux/amd64", "--opt", "filename=imagespec.json",
            "--local", f"context={context}", "--local", f"dockerfile={context}",
            "--secret", f"id=ca_bundle,src={self.services.lab.ca_bundle}",
            "--opt", "build-arg:IMAGESPEC_CA_BUNDLE=ca_bundle",
            "--output", f"type=image,name={reference},push=true,compression={self.compression}",
            *cache.words("--import-cache", "--export-cache"),
        )  # fmt: skip
        return Built(done.seconds, done.stderr)


class OurCommand:
    """Our command line, which compiles in its own process."""

    def __init__(self, services: Services, compression: str | None = None, *, locked: bool = False) -> None:
        self.services = services
        self.output = ["--push"]
        if compression:
            self.output = ["--output", f"type=image,push=true,compression={compression}"]
        self.locked = locked
        """Whether the project has a lockfile, which is updated after an edit of its packages."""
        self.locks: dict[str, str] = {}

    def prepare(self, spec: Spec, context: Path) -> None:
        if not self.locked:
            return
        path = context / "pylock.imagespec-amd64.toml"
        packages = json.dumps(spec.fields["packages"])
        if packages not in self.locks:
            self._lock(context)
            self.locks[packages] = path.read_text(encoding="utf-8")
        path.write_text(self.locks[packages], encoding="utf-8")
        (context / "packages").write_text(packages, encoding="utf-8")

    def _lock(self, context: Path) -> float:
        lab = self.services.lab
        words = ["lock", "--addr", self.services.address, "--ca-bundle", lab.ca_bundle, "--platform", "linux/amd64"]
        command = [lab.imagespec, *words, "-f", context / "imagespec.json", context]
        return run(command, env={"IMAGESPEC_CACHE_DIR": str(lab.answers)}).seconds

    def build(self, spec: Spec, context: Path, reference: str, cache: Cache = NO_CACHE) -> Built:
        lab = self.services.lab
        before = {}
        packages = json.dumps(spec.fields["packages"])
        if self.locked and (context / "packages").read_text(encoding="utf-8") != packages:
            before["lock"] = self._lock(context)
            (context / "packages").write_text(packages, encoding="utf-8")
        done = run(
            [
                lab.imagespec, "build", "--addr", self.services.address, "--progress", "rawjson",
                "--ca-bundle", lab.ca_bundle, "--platform", "linux/amd64",
                "-f", context / "imagespec.json", "-t", reference, *self.output,
                *(["--always-build"] if spec.always_build else []),
                *cache.words("--cache-from", "--cache-to"), context,
            ],
            env={"IMAGESPEC_CACHE_DIR": str(lab.answers)},
        )  # fmt: skip
        return Built(done.seconds, done.stderr, before)


@dataclass(frozen=True)
class Known:
    """A side before there is a daemon to build with."""

    about: str
    make: Callable[[Services], Side]
    is_built_elsewhere: bool = True
    """Whether builds on other daemons and with a newer base image are of interest: the expert's Dockerfile does these best."""


SIDES = {
    "peer": Known("Flytekit's Dockerfile, BuildKit's Dockerfile frontend, gzip", Peer, is_built_elsewhere=False),
    "flyte2": Known("the Dockerfile that Flyte v2 writes, gzip", FlyteV2, is_built_elsewhere=False),
    "expert": Known(
        "an expert's Dockerfile with uv sync and COPY --link, zstd", lambda services: Expert(services, "zstd")
    ),
    "expert-gzip": Known("the same, gzip", lambda services: Expert(services, "gzip")),
    "expert-append": Known(
        "the same, zstd; a new package is one more instruction",
        lambda services: Expert(services, "zstd", appends=True),
    ),
    "cli-locked": Known(
        "imagespec build with a lockfile, zstd", lambda services: OurCommand(services, "zstd", locked=True)
    ),
    "cli": Known("imagespec build --push, as it is by default", OurCommand),
    "cli-gzip": Known("imagespec build, gzip", lambda services: OurCommand(services, "gzip")),
    "cli-zstd": Known("imagespec build, zstd", lambda services: OurCommand(services, "zstd")),
    "frontend": Known("our frontend image through buildctl, zstd", lambda services: OurFrontend(services, "zstd")),
    "frontend-gzip": Known("our frontend image, gzip", lambda services: OurFrontend(services, "gzip")),
}
DEFAULT_SIDES = ("expert", "cli-locked", "cli", "flyte2", "peer")
