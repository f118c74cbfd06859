"""An image that is one file and nothing that could be run: the same bytes, and so the same digest, on every machine.

No container engine is asked: each leaves its own version in what it builds.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.images.recipes import EPOCH

_CREATED = "1980-01-01T00:00:00Z"
_OCI = "application/vnd.oci.image"

Object = dict[str, Any]


@dataclass(frozen=True)
class Packed:
    """`archive` can be loaded into container engines and nodes alike."""

    reference: str
    digest: str
    archive: bytes


def pack(files: Mapping[str, bytes], labels: Mapping[str, str], repository: str) -> Packed:
    layer = _tar(files)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": _CREATED,
            "config": {"Labels": dict(sorted(labels.items()))},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": _CREATED, "created_by": f"COPY {' '.join(files)}"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _described(config, "config.v1+json"),
            "layers": [_described(layer, "layer.v1.tar")],
        }
    )
    digest = _digest(manifest)
    reference = f"{repository}:{digest.removeprefix('sha256:')[:12]}"
    named = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rpartition(":")[2]}
    index = {"schemaVersion": 2, "manifests": [{**_described(manifest, "manifest.v1+json"), "annotations": named}]}
    blobs = {_blob(each): each for each in (layer, config, manifest)}
    members = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        # For engines that only know the older form.
        "manifest.json": _json([{"Config": _blob(config), "RepoTags": [reference], "Layers": [_blob(layer)]}]),
        **blobs,
    }
    return Packed(reference, digest, _tar(members))


def _tar(files: Mapping[str, bytes]) -> bytes:
    """Everybody may read what is in it; times and owners are the same always."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), EPOCH, 0o644
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(content: bytes) -> str:
    return f"blobs/{_digest(content).replace(':', '/')}"


def _described(content: bytes, kind: str) -> Object:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(content), "size": len(content)}
