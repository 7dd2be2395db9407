"""The bench's own buildkitd and registry, which no other program uses.

The programs and buildkitd's configuration are the lab's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.machine import BenchError, Finished, Lab, run

REGISTRY = "localhost:15901"
OUR_FRONTEND = f"{REGISTRY}/bench/frontend:1"
CA_IMAGE = f"{REGISTRY}/bench/ca:1"
BASE_REPOSITORY = "bench/base"
MOVING_BASE = f"{REGISTRY}/bench/moving-base:1"

CA_DOCKERFILE = """\
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
"""


class Services:
    """Both daemons, for as long as the `with` block lasts."""

    def __init__(self, lab: Lab, name: str = "buildkitd") -> None:
        self.lab = lab
        self.name = name
        self.address = f"unix://{lab.state}/{name}.sock"
        self._stack = ExitStack()

    @contextmanager
    def another(self) -> Iterator[Services]:
        """A second BuildKit daemon that has nothing, beside the same registry. Our command line has no memory of it."""
        other = Services(self.lab, "another")
        root = self.lab.state / other.name
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(self.lab.answers, ignore_errors=True)
        try:
            other._start_buildkitd()
            yield other
        finally:
            other._stack.close()
            shutil.rmtree(root, ignore_errors=True)

    def __enter__(self) -> Services:
        try:
            self._start_registry()
            self._start_buildkitd()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def buildctl(self, *words: str | Path, cwd: Path | None = None) -> Finished:
        return run([self.lab.buildctl, "--addr", self.address, *words], cwd=cwd)

    def cpu_seconds(self) -> float:
        """Processor time of the daemon and of all its finished child processes, including all steps."""
        stat = Path(f"/proc/{self._buildkitd.pid}/stat").read_text(encoding="ascii")
        # The command's name in parentheses may contain spaces; utime, stime, cutime and cstime are fields 14 to 17.
        ticks = stat.rpartition(")")[2].split()[11:15]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def push(self, context: Path, dockerfile: str, name: str) -> None:
        """Builds a helper image of the bench; never measured."""
        context.mkdir(parents=True, exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        self.buildctl(
            "build", "--frontend", "dockerfile.v0", "--local", f"context={context}", "--local",
            f"dockerfile={context}", "--output", f"type=image,name={name},push=true",
        )  # fmt: skip

    def push_ca_image(self) -> None:
        """An image whose CA bundle is the machine's, for the peer to take its bundle from."""
        context = self.lab.state / "images/ca"
        context.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.lab.ca_bundle, context / "ca-certificates.crt")
        self.push(context, CA_DOCKERFILE, CA_IMAGE)

    def push_frontend_image(self) -> None:
        """Packages and pushes our frontend image as users without a Dockerfile do."""
        program = f"linux/amd64={self.lab.frontend}"
        run([self.lab.imagespec, "frontend", "--addr", self.address, "--binary", program, "--push", OUR_FRONTEND])

    def push_base(self, image: str) -> None:
        """Puts a base image into the registry, so that its layers can be made part of every new repository."""
        self.push(self.lab.state / "images/base", f"FROM {image}\n", f"{REGISTRY}/{BASE_REPOSITORY}:1")

    def push_moved_base(self, image: str) -> None:
        """Gives the name of a base image in the registry to a newer one, as a rebuild of an official image does."""
        dockerfile = f"FROM {image}\nRUN echo security fix >> /etc/issue.net && touch /etc/ld.so.cache\n"
        self.push(self.lab.state / "images/moved", dockerfile, MOVING_BASE)

    def push_unmoved_base(self, image: str) -> None:
        """Gives that name to the image itself."""
        self.push(self.lab.state / "images/moved", f"FROM {image}\n", MOVING_BASE)

    def prune(self, *, keep_downloads: bool) -> None:
        """Deletes all builds and images, and our command line's memory of them. The cache mounts with downloaded
        packages are deleted only on request."""
        shutil.rmtree(self.lab.answers, ignore_errors=True)
        words = ["prune", "--all"]
        if keep_downloads:
            words += ["--filter", "type!=exec.cachemount"]
        self.buildctl(*words)
        records = self.records()
        kept = {record["id"] for record in records if keep_downloads and record["recordType"] == "exec.cachemount"}
        # A cache mount with its own mode is based on a folder that was created for it.
        kept |= {parent for record in records if record["id"] in kept for parent in record["parents"] or []}
        left = [record for record in records if record["id"] not in kept]
        if left:
            raise BenchError(f"pruning left {len(left)} records in the daemon, such as {left[0]}")

    def records(self) -> list[dict[str, Any]]:
        """The daemon's cache records."""
        found: list[dict[str, Any]] | None = json.loads(self.buildctl("du", "--format", "{{json .}}").stdout or "null")
        return found or []

    def _start_registry(self) -> None:
        folder = self.lab.state / "registry"
        # The registry is empty at the start of a run; otherwise existing blobs would not be pushed.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f'http: {{addr: "127.0.0.1:{REGISTRY.split(":")[1]}"}}\n',
            encoding="utf-8",
        )
        self._start("registry", [self.lab.registry, "serve", folder / "config.yml"], self._registry_answers)

    def _start_buildkitd(self) -> None:
        command: list[str | Path] = [
            self.lab.buildkitd, "--config", self.lab.buildkitd_config, "--root", self.lab.state / self.name,
            # Garbage collection during a measurement would delete data that another one needs.
            "--addr", self.address, "--oci-worker-gc=false",
        ]  # fmt: skip
        self._buildkitd = self._start(self.name, command, self._buildkitd_answers)

    def _registry_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _buildkitd_answers(self) -> bool:
        try:
            self.buildctl("debug", "workers")
        except BenchError:
            return False
        return True

    def _start(self, name: str, command: list[str | Path], answers: Callable[[], bool]) -> subprocess.Popen[bytes]:
        if answers():
            raise BenchError(f"another program already responds at the address of the bench's {name}")
        path = self.lab.state / f"{name}.log"
        log = self._stack.enter_context(path.open("w", encoding="utf-8"))
        # The daemons end if the bench is killed.
        words = ["setpriv", "--pdeathsig", "TERM", *(str(word) for word in command)]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(_stop, process)
        deadline = time.monotonic() + 60
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
                raise BenchError(f"{name} did not start:\n{tail}")
            time.sleep(0.1)
        return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
