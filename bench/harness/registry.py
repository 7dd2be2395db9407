"""The effect of a push on the registry: the new blobs of an image in its repository, and their sizes.

Counted from manifests, so it is what a registry has to take, whatever protocol brought it there.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from harness.services import BASE_REPOSITORY, REGISTRY

_ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


@dataclass(frozen=True)
class Image:
    """One platform's image in a repository."""

    layers: dict[str, int]
    """Compressed sizes by digest, without the config."""
    media_types: frozenset[str]

    @property
    def size(self) -> int:
        return sum(self.layers.values())


def image(repository: str, tag: str) -> Image:
    """The image behind a tag; an index must hold exactly one image beside attestations."""
    manifest = _get(f"/v2/{repository}/manifests/{tag}")
    if "manifests" in manifest:
        images = [entry for entry in manifest["manifests"] if entry["platform"]["os"] != "unknown"]
        [only] = images
        manifest = _get(f"/v2/{repository}/manifests/{only['digest']}")
    return Image(
        layers={layer["digest"]: layer["size"] for layer in manifest["layers"]},
        media_types=frozenset(layer["mediaType"] for layer in manifest["layers"]),
    )


def known_layers(repository: str) -> set[str]:
    """Layers of all images in a repository, which may be empty."""
    try:
        tags = _get(f"/v2/{repository}/tags/list")["tags"] or []
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        tags = []
    return {digest for tag in tags for digest in image(repository, tag).layers}


def give_base_layers(base: Image, repository: str) -> None:
    """Makes a base image's layers part of a repository, as they are of any but a project's first push."""
    for digest in base.layers:
        address = f"http://{REGISTRY}/v2/{repository}/blobs/uploads/?mount={digest}&from={BASE_REPOSITORY}"
        with urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=30) as answer:
            # 202 would mean that an upload was started because the blob does not exist.
            assert answer.status == 201, f"mounting {digest} gave {answer.status}"


def _get(path: str) -> dict[str, Any]:
    request = urllib.request.Request(f"http://{REGISTRY}{path}", headers={"Accept": _ACCEPT})
    with urllib.request.urlopen(request, timeout=30) as answer:
        value: dict[str, Any] = json.load(answer)
    return value
