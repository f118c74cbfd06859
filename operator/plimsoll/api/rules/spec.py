"""Rules for the whole object: its name, what excludes what, and what fits the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping

from plimsoll.api.names import LONGEST_NAME, NAME_PATTERN
from plimsoll.api.rules.rule import Node, Rule, find, given, has

_LLAMACPP = "(!has(self.engine) || self.engine.name == 'llamacpp')"
_VLLM = "(has(self.engine) && self.engine.name == 'vllm')"
_NAMED_FILES = (("huggingFace", "file"), ("s3", "key"), ("pvc", "path"), ("oci", "path"))
_ENDS = "name.lowerAscii().endsWith('.gguf')"
# What only a model that runs here can have.
_HOSTED_ONLY = ("engine", "hardware", "context", "parallel", "resources", "podTemplate")


def _name(document: Node) -> str | None:
    name: str | None = find(document, "metadata.name")
    return name


def _vllm(spec: Node) -> bool:
    return bool(find(spec, "engine.name") == "vllm")


def _is_gguf(path: str | None) -> bool:
    return path is not None and path.lower().endswith(".gguf")


def _reads_gguf(spec: Node) -> bool:
    """Whether what is named inside a place looks like a file that llamacpp can read; a URL need not tell."""
    if _vllm(spec) or not isinstance(spec.get("source"), Mapping):
        return True
    source = spec["source"]
    named = (source[kind].get(field) for kind, field in _NAMED_FILES if kind in source)
    return all(_is_gguf(name) for name in named)


def _reads_folder(spec: Node) -> bool:
    if not _vllm(spec):
        return True
    return (
        find(spec, "source.huggingFace.file") is None
        and find(spec, "source.http") is None
        and (find(spec, "source.s3.key") or "/").endswith("/")
        and not _is_gguf(find(spec, "source.pvc.path"))
        and not _is_gguf(find(spec, "source.oci.path"))
    )


def _gguf_cel() -> str:
    named = given(f"source.{kind}.{field}" for kind, field in _NAMED_FILES)
    return (
        f"!{_LLAMACPP} || !has(self.source) || ((!has(self.source.huggingFace) || {has('source.huggingFace.file')})"
        f" && {named}.all(name, name == '' || {_ENDS}))"
    )


_IDENTITY_RULES = (
    Rule(
        name="name-length",
        at="",
        field=".metadata.name",
        cel=f"!has(self.metadata.name) || self.metadata.name.size() <= {LONGEST_NAME}",
        holds=lambda document: len(_name(document) or "") <= LONGEST_NAME,
        message=f"the name is longer than {LONGEST_NAME} characters, and its children append a hash: shorten the name",
    ),
    Rule(
        name="name-shape",
        at="",
        field=".metadata.name",
        cel=f"!has(self.metadata.name) || self.metadata.name.matches('{NAME_PATTERN}')",
        holds=lambda document: re.search(NAME_PATTERN, _name(document) or "a") is not None,
        message="the name becomes the name of a Service: begin it with a letter and use only a-z, 0-9 and -",
    ),
    Rule(
        name="source-or-external",
        at="spec",
        cel="has(self.source) != has(self.external)",
        holds=lambda spec: ("source" in spec) != ("external" in spec),
        message="a model either runs here or at a provider: give exactly one of source and external",
    ),
    Rule(
        name="external-stands-alone",
        at="spec",
        field=".external",
        cel=f"!has(self.external) || !({' || '.join(f'has(self.{field})' for field in _HOSTED_ONLY)})",
        holds=lambda spec: "external" not in spec or not any(field in spec for field in _HOSTED_ONLY),
        message=f"the provider runs the model: remove {', '.join(_HOSTED_ONLY)}, or use source instead of external",
    ),
    Rule(
        name="external-without-replicas",
        at="spec",
        field=".scaling",
        cel="!has(self.external) || self.scaling.replicas == 1",
        holds=lambda spec: "external" not in spec or spec["scaling"]["replicas"] == 1,
        message="the provider runs the model, so there is nothing to scale: remove scaling",
    ),
)

_ENGINE_FITS_RULES = (
    Rule(
        name="llamacpp-reads-gguf",
        at="spec",
        field=".source",
        cel=_gguf_cel(),
        holds=_reads_gguf,
        message="llamacpp reads GGUF files: name one that ends with .gguf, or set engine.name to vllm",
    ),
    Rule(
        name="vllm-reads-folder",
        at="spec",
        field=".source",
        cel=f"!{_VLLM} || !has(self.source) || (!has(self.source.http)"
        " && (!has(self.source.huggingFace) || !has(self.source.huggingFace.file))"
        " && (!has(self.source.s3) || self.source.s3.key.endsWith('/'))"
        f" && !{given(('source.pvc.path', 'source.oci.path'))}.exists(name, {_ENDS}))",
        holds=_reads_folder,
        message="vllm loads a folder: use huggingFace without file, an s3 key that ends with /, or a folder in pvc or "
        "oci, or set engine.name to llamacpp",
    ),
    Rule(
        name="vllm-without-fallback",
        at="spec",
        field=".hardware",
        cel=f"!{_VLLM} || !has(self.hardware) || !has(self.hardware.fallback)",
        holds=lambda spec: not _vllm(spec) or find(spec, "hardware.fallback") is None,
        message="vllm needs a GPU and cannot fall back to a CPU: remove hardware.fallback, or use llamacpp",
    ),
    Rule(
        name="vllm-without-gpu-layers",
        at="spec",
        field=".resources",
        cel=f"!{_VLLM} || !has(self.resources) || !has(self.resources.gpuLayers)",
        holds=lambda spec: not _vllm(spec) or find(spec, "resources.gpuLayers") is None,
        message="vllm keeps every layer on the GPU: remove resources.gpuLayers, or use llamacpp",
    ),
)

SPEC_RULES = (*_IDENTITY_RULES, *_ENGINE_FITS_RULES)
