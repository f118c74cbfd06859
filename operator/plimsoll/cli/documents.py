"""Objects in files: YAML or JSON, one or many, a folder, or the standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.api import names
from plimsoll.cli.exits import Unusable

Object = dict[str, Any]
STANDARD_INPUT = "-"
ENDINGS = (".yaml", ".yml", ".json")
LARGEST_FILE = 256 << 20
# Aliases make a short file huge; no honest one comes near.
MOST_NODES = 5_000_000


class Damaged(Unusable):
    """The file is there, and what is in it is not what it should be."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object, and where it stands: `place` is for people."""

    place: str
    object: Object

    @property
    def name(self) -> str:
        metadata = self.object.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""

    @property
    def is_model_config(self) -> bool:
        """Also when the version or the kind is wrong: then it is one to complain about."""
        return self.object.get("kind") == names.KIND or (self._is_of_our_group and not self.is_model_key)

    @property
    def is_model_key(self) -> bool:
        return self._is_of_our_group and self.object.get("kind") == names.KEY_KIND

    @property
    def _is_of_our_group(self) -> bool:
        return str(self.object.get("apiVersion", "")).partition("/")[0] == names.GROUP


def read_documents(path: str) -> list[Document]:
    """Every object there; Unusable when something cannot be read."""
    return [document for file in files_in(path) for document in documents_of(file)]


def files_in(path: str) -> list[str]:
    """The file itself, or every YAML and JSON file below a folder."""
    if path == STANDARD_INPUT or not Path(path).is_dir():
        return [path]
    found = sorted(str(each) for each in Path(path).rglob("*") if each.suffix in ENDINGS and each.is_file())
    if not found:
        raise Unusable(f"{path} has no YAML or JSON file", fix="name a folder that has some, or a file")
    return found


def documents_of(file: str) -> list[Document]:
    text = _text_of(file)
    shown = "standard input" if file == STANDARD_INPUT else file
    bodies = _json_of(text, shown) if _is_json(file, text) else _yaml_of(text, shown)
    found = []
    for number, body in enumerate(bodies, 1):
        place = shown if len(bodies) == 1 else f"{shown}, document {number}"
        if body is not None:
            found += list(_objects(body, place))
    return found


def _objects(body: Any, place: str) -> Iterator[Document]:
    if not isinstance(body, dict):
        raise Damaged(f"{place} is no object", fix="begin it with apiVersion, kind and metadata")
    items = body.get("items")
    if str(body.get("kind", "")).endswith("List") and isinstance(items, list):
        for number, item in enumerate(items, 1):
            yield from _objects(item, f"{place}, item {number}")
    else:
        yield Document(place, body)


def _text_of(file: str) -> str:
    try:
        if file == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Unusable(f"{file} cannot be read: {words}", fix="correct the path, or the rights on the file") from None
    if len(raw) > LARGEST_FILE:
        raise Unusable(f"{file} is larger than {LARGEST_FILE >> 20} MiB", fix="split it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Damaged(
            f"{file} is not UTF-8 text: byte {error.start} does not belong there", fix="save it as UTF-8"
        ) from None


def _is_json(file: str, text: str) -> bool:
    return file.endswith(".json") or (file == STANDARD_INPUT and text.lstrip().startswith("{"))


def _json_of(text: str, place: str) -> list[Any]:
    try:
        return [json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_number)]
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{place} is not JSON: {error}", fix="correct that place") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> Object:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = [key for key, _ in pairs]
        double = next(key for key in made if seen.count(key) > 1)
        raise ValueError(f"the key {double!r} stands twice in one object")
    return made


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number in JSON")


def _yaml_of(text: str, place: str) -> list[Any]:
    import yaml

    from plimsoll.cli.yaml_dialect import load_all

    try:
        bodies = load_all(text)
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        raise Damaged(f"{place} is not YAML: {words}", fix="correct that place") from None
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{place} is not YAML that can be read: {error}", fix="correct that place") from None
    if not _is_bounded(bodies):
        raise Damaged(f"{place} grows without bounds through its aliases", fix="write the values out")
    return bodies


def _is_bounded(body: Any) -> bool:
    """Whether it can be written out: no alias leads back to itself, and there are not too many."""
    left, deep = MOST_NODES, 0
    pending: list[tuple[Any, int]] = [(body, 0)]
    while pending and left and deep < 200:
        node, deep = pending.pop()
        left -= 1
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        pending += [(child, deep + 1) for child in children]
    return not pending
