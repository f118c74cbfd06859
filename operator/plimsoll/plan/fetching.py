"""How weights come into a pod: where they lie there, and the container that brings them before the engine starts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.modelconfig import ModelConfigSpec
from plimsoll.api.source import Source
from plimsoll.plan import quantities
from plimsoll.plan.engine import literal
from plimsoll.plan.gguf_types import MIB
from plimsoll.plan.observed import Object, SourceFacts
from plimsoll.plan.weights_cache import MODELS, Cache, key_of

CREDENTIAL = "/run/plimsoll/credential"
MODELS_VOLUME = "plimsoll-models"
CREDENTIAL_VOLUME = "plimsoll-credential"
# Room for what a download keeps beside the files, and for file systems that count in blocks.
_MARGIN_SHARE = 10
_MARGIN_LEAST = 64 * MIB
_COMMIT = re.compile(r"commit:([0-9a-f]{40})")


def cache_claim(source: Source, configuration: OperatorConfiguration) -> str | None:
    """The claim with the cache; None where there is none, and for weights that nobody fetches."""
    cache = configuration.weights.cache
    return cache.claim if cache is not None and source.mounted is None else None


def home_of(source: Source, identity: str | None, *, cached: bool) -> str:
    """The folder that the weights are fetched to: one of its own, or one that all pods with this source share."""
    return f"{MODELS}/{key_of(_told(source, identity), identity)}" if cached else MODELS


def weights_path(source: Source, *, folder: bool, home: str = MODELS) -> str:
    """Where the engine finds its model. A folder is laid out below its home; a file keeps its name."""
    if source.mounted is not None:
        return f"{MODELS}/{source.mounted.path}".rstrip("/")
    return home if folder else f"{home}/{_file_name(source)}"


def storage_of(spec: ModelConfigSpec, facts: SourceFacts | None) -> int | None:
    """Bytes of the node's disk for the weights; None when they are mounted or nobody knows their size."""
    if spec.source is None or spec.source.mounted is not None:
        return None
    if spec.resources is not None and spec.resources.storage is not None:
        return quantities.bytes_of(spec.resources.storage)
    size = facts.size if facts else None
    return None if size is None else -(-(size + size // _MARGIN_SHARE + _MARGIN_LEAST) // MIB) * MIB


def models_volume(source: Source, storage: int | None = None, cache: Cache | None = None) -> Object:
    if source.pvc is not None:
        claim = {"claimName": source.pvc.claim_name, "readOnly": True}
        return {"name": MODELS_VOLUME, "persistentVolumeClaim": claim}
    if source.oci is not None:
        # Its digest never means another image, so what the node has is as good as what the registry has.
        return {"name": MODELS_VOLUME, "image": {"reference": source.oci.image, "pullPolicy": "IfNotPresent"}}
    if cache is not None:
        return {"name": MODELS_VOLUME, "persistentVolumeClaim": {"claimName": cache.claim}}
    return {"name": MODELS_VOLUME, "emptyDir": {} if storage is None else {"sizeLimit": quantities.memory(storage)}}


def credential_volumes(source: Source) -> list[Object]:
    if source.credential is None:
        return []
    # Read by the group of the pod, as mounted by the kubelet: the value never enters an object of ours.
    secret = {"secretName": source.credential.secret_name, "defaultMode": 0o440}
    return [{"name": CREDENTIAL_VOLUME, "secret": secret}]


def fetch_arguments(source: Source, identity: str | None, networks: Sequence[str], cache: Cache | None) -> list[str]:
    """`plimsoll fetch get`: exactly the weights that the revision was accepted with."""
    arguments = ["fetch", "get", f"--source={literal(_told(source, identity))}"]
    if identity is not None:
        arguments.append(f"--identity={literal(identity)}")
    arguments += (f"--private-network={network}" for network in networks)
    arguments.append(f"--to={home_of(source, identity, cached=cache is not None)}")
    return [*arguments, *(cache.arguments if cache else ())]


def inspect_arguments(source: Source) -> list[str]:
    """`plimsoll fetch inspect`: the header of weights that only a pod can see, and once their checksum."""
    arguments = ["fetch", "inspect", f"--path={literal(weights_path(source, folder=False))}"]
    return arguments if source.sha256 is None else [*arguments, f"--sha256={source.sha256}"]


def _told(source: Source, identity: str | None) -> str:
    wanted: dict[str, Any] = source.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"credential"})
    commit = _COMMIT.fullmatch(identity or "")
    if commit and "huggingFace" in wanted:
        # A branch that moves on must not change what a revision means.
        wanted["huggingFace"]["revision"] = commit[1]
    return json.dumps(wanted, sort_keys=True, separators=(",", ":"))


def _file_name(source: Source) -> str:
    if source.hugging_face is not None:
        return str(source.hugging_face.file)
    if source.s3 is not None:
        return PurePosixPath(source.s3.key).name
    assert source.http is not None
    # The parts of a split model find each other by this name.
    last = PurePosixPath(unquote(urlsplit(source.http.url).path)).name
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".") or "model.gguf"
