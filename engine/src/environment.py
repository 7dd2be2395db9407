"""Prints the version of this Python and its distributions, one per line."""

import importlib.metadata
import sys

print("python %d.%d.%d" % sys.version_info[:3])
seen = set()
for distribution in importlib.metadata.distributions():
    name, version = distribution.metadata["Name"], distribution.version
    if not name or not version or name.lower() in seen:
        continue
    seen.add(name.lower())
    # PEP 610: a distribution with this file was not installed from an index.
    kind = "direct" if distribution.read_text("direct_url.json") else "package"
    print(kind, name, version)
