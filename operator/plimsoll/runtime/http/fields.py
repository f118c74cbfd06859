"""Reading the fields of a JSON object one by one: each has a type and bounds, and none is left over unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeVar

import orjson

from plimsoll.runtime.http.errors import bad_field, unknown_fields

Word = TypeVar("Word", bound=str)
_SHOWN = 100
_FIELDS_SHOWN = 20


class Fields:
    """One object of a request. Null is the same as nothing, as clients send it for what they leave out."""

    __slots__ = ("_asked", "_at", "_data", "_inside", "_left")

    def __init__(self, data: Mapping[str, Any], at: str = "") -> None:
        self._data = data
        self._at = at
        self._left = dict.fromkeys(data)
        self._asked: set[str] = set()
        self._inside: list[Fields] = []

    def within(self, value: Any, name: str) -> Fields:
        """An object inside this one; what is left over there is left over here."""
        if not isinstance(value, dict):
            raise bad_field(self.at(name), f"must be an object, not {kind_of(value)}")
        found = Fields(value, f"{self.at(name)}.")
        self._inside.append(found)
        return found

    def at(self, name: str) -> str:
        return f"{self._at}{name}"

    def take(self, name: str) -> Any:
        self._asked.add(name)
        self._left.pop(name, None)
        return self._data.get(name)

    def needs(self, name: str) -> None:
        """If it is missing, one of the names that nobody has asked for yet may have been meant for it."""
        if name not in self._data:
            unasked = [each for each in islice(self._left, _FIELDS_SHOWN) if len(each) <= _SHOWN]
            if meant := get_close_matches(name, unasked, 1):
                raise unknown_fields({self.at(meant[0]): self.at(name)})

    def left(self) -> Mapping[str, str | None]:
        """Names that nobody has asked for, so many that a message can hold them, and what each was meant for."""
        return dict(islice(self._unknown(), _FIELDS_SHOWN))

    def _unknown(self) -> Iterator[tuple[str, str | None]]:
        for name in self._left:
            if self._data[name] is not None:
                meant = get_close_matches(shortened(name), self._asked - self._data.keys(), 1)
                yield self.at(shortened(name)), self.at(meant[0]) if meant else None
        for each in self._inside:
            yield from each._unknown()  # noqa: SLF001 - of its own kind

    def whole(self, name: str, least: int, most: int) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        # Some clients send 16.0 where they mean 16; True is no number to anybody.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_field(self.at(name), f"must be a whole number, not {kind_of(value)}")
        if not least <= value <= most:
            raise bad_field(self.at(name), f"must be from {least} to {most}, not {shortened(str(value))}")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise bad_field(self.at(name), f"must be a number, not {kind_of(value)}")
        if not least <= value <= most:
            raise bad_field(self.at(name), f"must be from {least:g} to {most:g}, not {value:g}")
        return float(value)

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise bad_field(self.at(name), f"must be true or false, not {kind_of(value)}")
        return value

    def text(self, name: str, longest: int) -> str | None:
        value = self.take(name)
        return None if value is None else text_of(value, self.at(name), longest)

    def word(self, name: str, words: Sequence[Word]) -> Word | None:
        value = self.take(name)
        if value is None:
            return None
        for word in words:
            if value == word:
                return word
        raise bad_field(self.at(name), f"must be {one_of(words)}, not {shown(value)}")

    def only(self, name: str, value: Any, why: str) -> None:
        """A field of OpenAI's that can have one value here."""
        given = self.take(name)
        if given is not None and (given != value or isinstance(given, bool) is not isinstance(value, bool)):
            raise bad_field(self.at(name), f"must be {orjson.dumps(value).decode()} or be left out: {why}")

    def object(self, name: str) -> Fields | None:
        value = self.take(name)
        return None if value is None else self.within(value, name)

    def list(self, name: str, most: int) -> Sequence[Any] | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise bad_field(self.at(name), f"must be a list, not {kind_of(value)}")
        if len(value) > most:
            raise bad_field(self.at(name), f"must have at most {most} entries, not {len(value)}")
        return value


def text_of(value: Any, at: str, longest: int) -> str:
    if not isinstance(value, str):
        raise bad_field(at, f"must be text, not {kind_of(value)}")
    if len(value) > longest:
        raise bad_field(at, f"must have at most {longest} characters, not {len(value)}")
    return value


def one_of(words: Sequence[str]) -> str:
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "something else")


def shown(value: Any) -> str:
    return f'"{shortened(value)}"' if isinstance(value, str) else kind_of(value)


def shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
