"""Versions of all parts and the machine's size, to interpret figures; nothing identifies a machine."""

from __future__ import annotations

import os
import platform
import re

from harness.machine import ROOT, Lab, run


def versions(lab: Lab) -> dict[str, str]:
    """Versions by part."""
    registry = run([lab.registry, "--version"])
    commit = run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]).stdout.strip()
    dirty = run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no", "--", ":!bench"]).stdout
    return {
        "imagespec": commit + (" with changes" if dirty.strip() else ""),
        "flytekit": flytekit(lab),
        "buildkitd": run([lab.buildkitd, "--version"]).stdout.split()[2],
        "registry": _number(registry.stdout + registry.stderr),
        "uv": lab.uv_image.rpartition(":")[2],
        "python": run([lab.venv_python, "--version"]).stdout.split()[1],
        "kernel": _number(platform.release()),
        "processors": str(os.cpu_count()),
    }


def flytekit(lab: Lab) -> str:
    code = "import importlib.metadata as m; print(m.version('flytekit'))"
    return run([lab.venv_python, "-c", code]).stdout.strip()


def _number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else "unknown"
