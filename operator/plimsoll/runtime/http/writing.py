"""From what the engine sends to what clients read: as it comes, or all of it at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plimsoll.runtime.http.answers import Answers
from plimsoll.runtime.http.calls import Argued, Called, Part, Reader, Said
from plimsoll.runtime.http.errors import ApiError
from plimsoll.runtime.http.formats import DONE, Format, Whole, running_usage
from plimsoll.runtime.http.outcome import finish_word, trouble, usage_of
from plimsoll.runtime.requests import Delta, Finish, TokenChoice, Usage

_NOTHING_USED = Usage(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Calls:
    """For answers that may be calls of tools."""

    reader: Callable[[], Reader]
    id: str
    write: Callable[[int, Called | Argued, str], bytes]

    def id_of(self, index: int) -> str:
        return f"{self.id}_{index}"


@dataclass(frozen=True, slots=True)
class Manner:
    """How one request wants its answers."""

    form: Format
    per_prompt: int
    logprobs: bool = False
    usage_in_stream: bool = False
    running_usage: bool = False
    calls: Calls | None = None


class Stream:
    """Makes the events of one request."""

    def __init__(self, manner: Manner, answers: Answers) -> None:
        self._manner = manner
        self._form = manner.form
        self._answers = answers
        self._calls = manner.calls
        self._readers = [manner.calls.reader() for _ in answers.all] if manner.calls else []
        self._opened: set[int] = set()
        self._called: set[int] = set()
        self._used = [_NOTHING_USED] * len(answers.all)
        self._left = len(answers.all)
        self._cut = False
        self.finished = False

    def events(self, news: Sequence[tuple[int, Delta]]) -> bytes:
        """Of everything that has come, in one piece."""
        parts: list[bytes] = []
        for index, delta in news:
            said: list[bytes] = []
            self._text(said, index, delta)
            if delta.finish is not None and (error := trouble(delta)) is not None:
                self.finished = True
                return b"".join([*parts, *said, b"data: ", error.body(), b"\n\n", DONE])
            if delta.finish is not None and delta.finish is not Finish.CANCELLED:
                self._end(said, index, delta.finish)
            parts += self._with_usage(said, index, delta) if self._manner.running_usage else said
            if delta.finish is not None:
                self._one_less(parts, delta.finish)
        return b"".join(parts)

    def _text(self, parts: list[bytes], index: int, delta: Delta) -> None:
        if index not in self._opened:
            self._opened.add(index)
            parts.append(self._form.opening(index))
        if self._calls is not None:
            self._read(parts, index, self._calls, self._readers[index].feed(delta.text))
        elif self._manner.logprobs and delta.choices:
            parts.append(self._form.text(index, delta.text, delta.choices))
        elif delta.text:
            parts.append(self._form.text(index, delta.text, None))

    def _read(self, parts: list[bytes], index: int, calls: Calls, found: Sequence[Part]) -> None:
        for part in found:
            if isinstance(part, Said):
                parts.append(self._form.text(index, part.text, None))
            else:
                self._called.add(index)
                parts.append(calls.write(index, part, calls.id_of(index)))

    def _end(self, parts: list[bytes], index: int, finish: Finish) -> None:
        if self._calls is not None:
            self._read(parts, index, self._calls, self._readers[index].end())
        parts.append(self._form.closing(index, finish_word(finish, called=index in self._called)))

    def _with_usage(self, said: list[bytes], index: int, delta: Delta) -> list[bytes]:
        """What this answer has used so far, also where a token has no text of its own yet: a stream may end here."""
        used = self._used[index] = _so_far(self._used[index], delta)
        events = [each for each in said if each] or [self._form.text(index, "", None)]
        return [running_usage(each, used) for each in events]

    def _one_less(self, parts: list[bytes], finish: Finish) -> None:
        self._left -= 1
        self._cut = self._cut or finish is Finish.CANCELLED
        if self._left == 0:
            self.finished = True
            if self._manner.usage_in_stream:
                parts.append(self._form.usage(usage_of(self._answers.all, self._manner.per_prompt)))
            # What was cut does not look as if it were whole.
            parts.append(b"" if self._cut else DONE)


def _so_far(used: Usage, delta: Delta) -> Usage:
    if delta.usage is not None:
        return delta.usage
    return replace(used, completion_tokens=used.completion_tokens + len(delta.tokens))


@dataclass(slots=True)
class _Collected:
    texts: list[str] = field(default_factory=list)
    choices: list[TokenChoice] = field(default_factory=list)


class Collection:
    """Gathers the answers of one request until all of them are complete."""

    def __init__(self, manner: Manner, answers: Answers) -> None:
        self._manner = manner
        self._answers = answers
        self._collected = [_Collected() for _ in answers.all]
        self._left = len(answers.all)
        self.trouble: ApiError | None = None
        self.cut = False

    @property
    def finished(self) -> bool:
        return self._left == 0 or self.trouble is not None

    def add(self, news: Sequence[tuple[int, Delta]]) -> None:
        for index, delta in news:
            collected = self._collected[index]
            collected.texts.append(delta.text)
            collected.choices.extend(delta.choices)
            if delta.finish is not None:
                self._left -= 1
                self.trouble = self.trouble or trouble(delta)
                self.cut = self.cut or delta.finish is Finish.CANCELLED

    def body(self) -> bytes:
        wholes = [self._whole(index, each) for index, each in enumerate(self._collected)]
        return self._manner.form.body(wholes, self.usage())

    def usage(self) -> Mapping[str, Any]:
        return usage_of(self._answers.all, self._manner.per_prompt)

    def _whole(self, index: int, collected: _Collected) -> Whole:
        text, call = self._read(index, "".join(collected.texts))
        finish = self._answers.all[index].finish
        assert finish is not None
        word = finish_word(finish, called=call is not None)
        return Whole(text, collected.choices if self._manner.logprobs else None, word, call)

    def _read(self, index: int, text: str) -> tuple[str, dict[str, Any] | None]:
        calls = self._manner.calls
        if calls is None:
            return text, None
        reader = calls.reader()
        parts = [*reader.feed(text), *reader.end()]
        said = "".join(part.text for part in parts if isinstance(part, Said))
        name = next((part.name for part in parts if isinstance(part, Called)), None)
        if name is None:
            return said, None
        arguments = "".join(part.text for part in parts if isinstance(part, Argued))
        function = {"name": name, "arguments": arguments}
        return said, {"id": calls.id_of(index), "type": "function", "function": function}
