"""Writes the Docker context that Flyte v2 makes for a spec. Run by the interpreter of its own virtual environment.

Reads `{"fields": …, "source": …, "context": …, "uv_image": …}` from stdin and prints how long importing flyte and writing the context
took. Nothing is built. Changed in the Dockerfile is what the lab does not have: the image of a frontend, a tag of the base image, the
version of uv, and the certificates of an intercepting proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import shutil
import sys
import time
from pathlib import Path


def main() -> None:
    began = time.perf_counter()
    # Timed, so not at the top.
    import flyte
    from flyte._internal.imagebuild.docker_builder import DockerImageBuilder

    imported = time.perf_counter()
    request = json.load(sys.stdin)
    fields, source, context = request["fields"], Path(request["source"]), Path(request["context"])

    async def prefix(*_words: object, **_options: object) -> list[str]:
        # Otherwise it would start a builder of its own.
        return ["docker", "buildx", "build"]

    DockerImageBuilder._build_command_prefix = staticmethod(prefix)
    image = flyte.Image.from_debian_base(
        python_version=(3, 11), registry="localhost:5000", name=fields["name"], install_flyte=False
    )
    image = image.with_apt_packages(*fields["apt_packages"]).with_pip_packages(*fields["packages"])
    image = image.with_env_vars(fields["env"]).with_source_folder(source, "/root", copy_contents_only=True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        asyncio.run(DockerImageBuilder()._build_image(image, push=True, dry_run=True))
    shown = out.getvalue()
    text = shown[shown.index("Dockerfile: ") + len("Dockerfile: ") : shown.index("Command: docker")]
    (context / "Dockerfile").write_text(adapted(text, fields["base_image"], request["uv_image"]), encoding="utf-8")
    [copied] = re.findall(r"_flyte_abs_context\S+", text)
    shutil.copytree(source, context / copied)
    json.dump({"import": imported - began, "context": time.perf_counter() - imported}, sys.stdout)


def adapted(text: str, base_image: str, uv_image: str) -> str:
    first, _, text = text.strip().partition("\n")
    if not first.startswith("# syntax="):
        sys.exit(f"the Dockerfile starts with {first!r}, which is not supported")
    text, count = re.subn(r"FROM ghcr\.io/astral-sh/uv:\S+ AS uv\nFROM \S+", f"FROM {uv_image} AS uv\nFROM {base_image}", text)
    secret = "--mount=type=secret,id=ca_bundle,target=/run/ca.pem"
    text, installs = re.subn(r"RUN (--mount=\S+)\s+uv pip install", rf"RUN {secret} \1 SSL_CERT_FILE=/run/ca.pem uv pip install", text)
    if (count, installs) != (1, 1):
        sys.exit(f"the Dockerfile has another form than expected:\n{text}")
    return text + "\n"


if __name__ == "__main__":
    main()
