"""Writes the Docker context that Flytekit's own builder makes. Run by the venv's interpreter, once a build, as `pyflyte` would be,
and by the end-to-end test that compares images.

Reads `{"fields": …, "context": …}` from stdin and prints how long importing flytekit and writing the context took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    began = time.perf_counter()
    # Timed, so not at the top.
    from flytekit.constants import CopyFileDetection
    from flytekit.image_spec.default_builder import create_docker_context
    from flytekit.image_spec.image_spec import ImageSpec

    imported = time.perf_counter()
    request = json.load(sys.stdin)
    fields = request["fields"]
    if "source_copy_mode" in fields:
        fields["source_copy_mode"] = CopyFileDetection[fields["source_copy_mode"].upper()]
    context = Path(request["context"])
    create_docker_context(ImageSpec(**fields), context)
    dockerfile = context / "Dockerfile"
    first, _, rest = dockerfile.read_text().partition("\n")
    if not first.startswith("#syntax="):
        sys.exit(f"the peer's Dockerfile starts with {first!r}, which is not supported")
    # The image in this line is on Docker Hub; without the line the daemon uses its built-in frontend.
    dockerfile.write_text(rest)
    written = time.perf_counter()
    json.dump({"import": imported - began, "context": written - imported}, sys.stdout)


if __name__ == "__main__":
    main()
