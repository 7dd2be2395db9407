"""Says which Python runs it, and that the environment is its own."""

import pathlib
import sys

import click  # noqa: F401

version = ".".join(map(str, sys.version_info[:2]))
print(version, sys.prefix, pathlib.Path("marker.txt").read_text().strip())
