"""Finding the call of a tool in what a model writes, while it writes it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

# As much as a call may take before its arguments begin; what is longer is text.
_LONGEST_HEAD = 512
# Each has the name as its first group, and a second one where the call ends without arguments.
_OBJECT = (
    r'\s*\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"name"\s*:\s*"([a-zA-Z0-9_-]{1,64})"\s*'
    r'(?:,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)|(\}))'
)
_IN_A_LIST = r"\s*\[" + _OBJECT
_BY_NAME = r"\s*([a-zA-Z0-9_-]{1,64})(?:\[CALL_ID\][a-zA-Z0-9_-]{0,64})?\[ARGS\]\s*(?=\{)"
OPEN, CLOSE = "<tool_call>", "</tool_call>"
_MISTRAL_OPEN = "[TOOL_CALLS]"


@dataclass(frozen=True, slots=True)
class Said:
    text: str


@dataclass(frozen=True, slots=True)
class Called:
    name: str


@dataclass(frozen=True, slots=True)
class Argued:
    """A piece of the arguments, which are JSON when all pieces are there."""

    text: str


Part = Said | Called | Argued


class Reader(Protocol):
    def feed(self, text: str) -> Sequence[Part]: ...

    def end(self) -> Sequence[Part]: ...


@dataclass(frozen=True, slots=True)
class Heads:
    """How a call may be written up to its arguments, and the letters that it can begin with."""

    patterns: tuple[re.Pattern[str], ...]
    letters: str


_JSON = Heads((re.compile(_OBJECT),), "{")
_MISTRAL_HEADS = Heads((re.compile(_IN_A_LIST), re.compile(_BY_NAME)), "[_-" + string.ascii_letters + string.digits)


class CallReader:
    """Reads text that begins with a call of one of these tools, or that is text after all."""

    def __init__(self, names: Collection[str], heads: Heads = _JSON) -> None:
        self._names = names
        self._heads = heads
        self._held = ""
        self._scan: ObjectScan | None = None
        self._is_text = False

    def feed(self, text: str) -> Sequence[Part]:
        if self._is_text:
            return [Said(text)]
        if self._scan is not None:
            return self._argued(self._scan, text)
        self._held += text
        found = next((found for each in self._heads.patterns if (found := each.match(self._held))), None)
        if found is not None and found[1] in self._names:
            return self._begin(found)
        impossible = self._held.lstrip()[:1] not in self._heads.letters
        lost = found is not None or len(self._held) > _LONGEST_HEAD or impossible
        return self.end() if lost else ()

    def end(self) -> Sequence[Part]:
        """Whatever was held back is text."""
        self._is_text = self._scan is None
        held, self._held = self._held, ""
        return [Said(held)] if held else ()

    def _begin(self, found: re.Match[str]) -> Sequence[Part]:
        rest, self._held = self._held[found.end() :], ""
        self._scan = ObjectScan()
        if found.lastindex == 2:
            rest = "{}"
        return [Called(found[1]), *self._argued(self._scan, rest)]

    @staticmethod
    def _argued(scan: ObjectScan, text: str) -> Sequence[Part]:
        piece = scan.feed(text)
        return [Argued(piece)] if piece else ()


class ArgumentsReader:
    """For text that is the arguments of one function and nothing else."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = False

    def feed(self, text: str) -> Sequence[Part]:
        if not text:
            return ()
        begin: Sequence[Part] = () if self._begun else [Called(self._name)]
        self._begun = True
        return [*begin, Argued(text)]

    def end(self) -> Sequence[Part]:
        return ()


class TaggedReader:
    """Text, and after a tag a call. What follows a call is not wanted: an answer calls one tool at most."""

    def __init__(self, names: Collection[str], tag: str = OPEN, heads: Heads = _JSON) -> None:
        self._tag = tag
        self._call = CallReader(names, heads)
        self._held = ""
        self._tagged = False

    def feed(self, text: str) -> Sequence[Part]:
        if self._tagged:
            return self._call.feed(text)
        self._held += text
        before, tag, after = self._held.partition(self._tag)
        if not tag:
            keep = _begun(self._held, self._tag)
            said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
            return [Said(said)] if said else ()
        self._held, self._tagged = "", True
        # Between what is said and the tag a model writes a line break that means nothing.
        said = before.rstrip("\n")
        return [*([Said(said)] if said else ()), *self._call.feed(after)]

    def end(self) -> Sequence[Part]:
        held, self._held = self._held, ""
        return [*([Said(held)] if held else ()), *self._call.end()]


class MistralReader(TaggedReader):
    """A list of objects after the tag, or the name of the function and its arguments."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(names, _MISTRAL_OPEN, _MISTRAL_HEADS)


class ObjectScan:
    """Finds where a JSON object ends that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._escaped = self._over = False

    def feed(self, text: str) -> str:
        """As much of the text as belongs to the object."""
        if self._over:
            return ""
        for at, letter in enumerate(text):
            if self._quoted:
                self._inside(letter)
            elif letter == '"':
                self._quoted = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self._over = True
                    return text[: at + 1]
        return text

    def _inside(self, letter: str) -> None:
        if self._escaped:
            self._escaped = False
        elif letter == "\\":
            self._escaped = True
        elif letter == '"':
            self._quoted = False


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of models writes calls when it is free to."""

    reader: Callable[[Collection[str]], Reader]
    stops: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()  # control tokens that the reader has to see in the text


_MISTRAL = Family(MistralReader, marks=(_MISTRAL_OPEN, "[CALL_ID]", "[ARGS]"))
_TAGGED = Family(TaggedReader, (CLOSE,))
_BARE = Family(CallReader)


def family_of(template: str) -> Family | None:
    """By the chat template; None where it declares no tools, or has calls written in a way that is not read here."""
    if "tools" not in template:
        return None
    if _MISTRAL_OPEN in template:
        return _MISTRAL
    if OPEN in template:
        return None if "<function=" in template else _TAGGED
    return _BARE if '"parameters"' in template and '"name"' in template else None


def _begun(text: str, tag: str) -> int:
    """How many letters at the end may be the begin of the tag."""
    most = min(len(tag) - 1, len(text))
    return next((count for count in range(most, 0, -1) if tag.startswith(text[-count:])), 0)
