"""channel.py CHANNEL SCRIPT: a conda channel with the package `evil`, which runs a script when it is linked."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

channel, script = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
index = {"name": "evil", "version": "1.0", "build": "0", "build_number": 0, "subdir": "linux-64", "depends": ["six"]}
path = "bin/.evil-post-link.sh"
digest = hashlib.sha256(script).hexdigest()
paths = [{"_path": path, "path_type": "hardlink", "sha256": digest, "size_in_bytes": len(script)}]
members = {
    "info/index.json": json.dumps(index).encode(),
    "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
    "info/files": f"{path}\n".encode(),
    path: script,
}
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w:bz2") as archive:
    for name, content in members.items():
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o755
        archive.addfile(member, io.BytesIO(content))
package = buffer.getvalue()
file = "evil-1.0-0.tar.bz2"
record = {**index, "sha256": hashlib.sha256(package).hexdigest(), "md5": hashlib.md5(package).hexdigest()}  # noqa: S324
for subdir, packages in [("linux-64", {file: {**record, "size": len(package)}}), ("noarch", {})]:
    (channel / subdir).mkdir(parents=True, exist_ok=True)
    data = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
    (channel / subdir / "repodata.json").write_text(json.dumps(data))
(channel / "linux-64" / file).write_bytes(package)
