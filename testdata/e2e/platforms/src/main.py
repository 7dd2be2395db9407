"""Prints the machine it runs on; the compiled part of a wheel only imports on the right one."""

import pathlib
import platform

import markupsafe._speedups  # noqa: F401

print(platform.machine(), pathlib.Path("marker.txt").read_text().strip())
