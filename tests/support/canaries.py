"""Secrets that a test plants, and the look at its end into every place where they must not be."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.support.kube import Kube, Object

# These letters look different in base64, in an address and in JSON.
_AWKWARD = '/+="&'
_SHORTEST = 12


class Leaks(AssertionError):
    """A secret was found outside its place."""


class Canaries:
    """`plant` before the system under test sees the string; nothing is searched when nothing was planted."""

    def __init__(self) -> None:
        self._planted: list[str] = []
        self._folders: list[Path] = []
        self._allowed: set[Path] = set()
        self._heard: list[tuple[str, str]] = []

    def plant(self, text: str | None = None) -> str:
        """A string that must be found nowhere but in Secrets; a new one, or one that the test has made."""
        canary = f"canary{_AWKWARD}{secrets.token_hex(16)}" if text is None else text
        assert len(canary) >= _SHORTEST, f"{canary!r} is too short to be found for sure"
        self._planted.append(canary)
        return canary

    def look_into(self, folder: Path) -> None:
        """A folder beside the test's own one."""
        self._folders.append(folder)

    def allow(self, file: Path) -> None:
        """A file whose business it is to hold a secret."""
        self._allowed.add(file)

    def hear(self, place: str, text: str) -> None:
        """What was said to somebody and stands in no file: an answer, metrics."""
        self._heard.append((place, text))

    def search(self, texts: Iterable[tuple[str, str]]) -> list[str]:
        """The places, by the name that each text has, in which one of the secrets stands in any form."""
        wanted = [form for canary in self._planted for form in forms(canary)]
        return [place for place, text in texts if any(form in text for form in wanted)]

    def check(self, tmp_path: Path, output: Iterable[tuple[str, str]], kube: Kube | None, namespace: str) -> None:
        if not self._planted:
            return
        places = self.search([*output, *self._heard])
        places += self.search(self._files([tmp_path, *self._folders]))
        if kube is not None:
            places += self.search(_objects(kube, namespace))
        if places:
            raise Leaks(f"a planted secret stands in: {', '.join(places)}")

    def _files(self, folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path not in self._allowed:
                    # Latin-1 knows every byte, so binary files are searched too.
                    yield str(path), path.read_bytes().decode("latin-1")


def forms(canary: str) -> set[str]:
    """The string as it is, and as base64, an address, JSON or bytes in UTF-8 would carry it."""
    made = {canary, canary.encode().decode("latin-1"), quote(canary), quote(canary, safe=""), quote_plus(canary)}
    made |= {json.dumps(canary)[1:-1], json.dumps(canary, ensure_ascii=False)[1:-1], canary.encode().hex()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        made |= {_core(encode, canary, offset) for offset in range(3)}
    return made


def _core(encode: object, canary: str, offset: int) -> str:
    """What is always there when the string stands in the middle of something that is then encoded."""
    assert callable(encode)
    text: str = encode(b"\0" * offset + canary.encode()).decode()
    # Four letters carry three bytes; those that a neighbour has a part in are left out.
    whole = (offset + len(canary.encode())) // 3 * 4
    return text[4 if offset else 0 : whole]


def _objects(kube: Kube, namespace: str) -> Iterator[tuple[str, str]]:
    for api_version, kind in kube.kinds_in_namespaces():
        if kind != "Secret":
            yield from (
                (_name(each), json.dumps(each, default=str)) for each in kube.list(api_version, kind, namespace)
            )


def _name(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


@pytest.fixture(autouse=True)
def canaries(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    """Of every test. What the test has started ends before this looks; its namespace goes only afterwards."""
    in_cluster = {"kube", "namespace"} <= set(request.fixturenames)
    kube: Kube | None = request.getfixturevalue("kube") if in_cluster else None
    namespace = request.getfixturevalue("namespace") if in_cluster else ""
    tmp_path = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    planted = Canaries()
    yield planted
    output = [(f"captured {name} of {when}", text) for when, name, text in request.node._report_sections]
    planted.check(tmp_path or tmp_path_factory.getbasetemp() / "none", output, kube, namespace)
