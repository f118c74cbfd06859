"""Image archives made from one static program, without any builder, and what an archive says of itself."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from tools.cluster.errors import ClusterError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write(name: str, program: Path, target: Path) -> Path:
    """A docker-archive whose tag is its content: the same program gives the same bytes."""
    layer = _layer(program)
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        },
        sort_keys=True,
    ).encode()
    image = hashlib.sha256(config).hexdigest()
    tag = f"localhost/plimsoll/{name.removesuffix('.tar')}:{image[:12]}"
    manifest = [{"Config": f"{image}.json", "RepoTags": [tag], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        for member, content in (
            (f"{image}.json", config),
            (f"{digest}/layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            archive.addfile(_entry(member, len(content)), io.BytesIO(content))
    return target


def _layer(program: Path) -> bytes:
    content = program.read_bytes()
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = _entry(program.name, len(content))
        entry.mode = 0o755
        archive.addfile(entry, io.BytesIO(content))
    return layer.getvalue()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def reference(archive: Path) -> str:
    """The name under which a docker-archive is imported."""
    with tarfile.open(archive) as content:
        member = content.extractfile("manifest.json") if "manifest.json" in content.getnames() else None
        if member is None:
            raise ClusterError(f"{archive} has no manifest.json: it is not a docker-archive.")
        tag: str = json.load(member)[0]["RepoTags"][0]
        return tag
