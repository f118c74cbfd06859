"""`plimsoll chat`: a model, asked through the gateway as an application would."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plimsoll.cli.connect import KEY, STOCK_KEY, URL
from plimsoll.cli.forwarding import Through, forwarded
from plimsoll.cli.grouping import grouped

if TYPE_CHECKING:
    from plimsoll.cli.answers import ChatAnswer
    from plimsoll.cli.chat_call import Reply, Target

Message = dict[str, str]
# What a stock client's variable may hold for somebody else is not sent to a gateway.
_OURS = "plm_"
_SENDABLE = re.compile(r"[\x21-\x7e]+")


class ChatFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True)
class Asking:
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="The question. Default: the standard input, or a conversation."),
    ] = None
    system: Annotated[str | None, typer.Option("--system", help="What the model is told before the question.")] = None
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Longest answer, in tokens.")] = None
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0, help="0 is always the likeliest word.")
    ] = None

    def request(self, model: str, conversation: list[Message]) -> dict[str, Any]:
        system = [{"role": "system", "content": self.system}] if self.system is not None else []
        options = {"max_tokens": self.max_tokens, "temperature": self.temperature}
        given = {name: value for name, value in options.items() if value is not None}
        return {"model": model, "messages": [*system, *conversation], **given}


Model = Annotated[str, typer.Argument(metavar="MODEL", help="As callers name it: namespace/name, or name.")]
Url = Annotated[
    str | None,
    typer.Option("--url", help="URL of a gateway. Default: $PLIMSOLL_URL, else the cluster's, as connect finds it."),
]
Output = Annotated[
    ChatFormat, typer.Option("--output", "-o", help="text is the answer as it comes, the others are for scripts.")
]


@grouped
def chat(through: Through, asking: Asking, model: Model, url: Url = None, output: Output = ChatFormat.TEXT) -> None:
    """Ask a model, and see what it took.

    Without --message the standard input is the question; at a terminal it is a conversation, which Ctrl-D ends. The
    key is read from $PLIMSOLL_API_KEY, or from $OPENAI_API_KEY where that begins with plm_.

    \b
    plimsoll chat team-a/chat -m "What is a load line?"
    plimsoll chat chat < question.txt
    """
    from plimsoll.cli.chat_call import Target

    question = _question(asking)
    key = _key()
    with _url(url, through) as found:
        conversation = _Conversation(Target(found, key), asking, model)
        if question is None:
            conversation.go_on()
        elif output == ChatFormat.TEXT:
            conversation.ask(question)
        else:
            _print(conversation.answer_to(question, lambda _: None), output)


def _question(asking: Asking) -> str | None:
    """None where somebody sits at a terminal."""
    from plimsoll.cli.exits import Unusable

    if asking.message is not None:
        return asking.message
    if sys.stdin.isatty():
        return None
    if text := sys.stdin.read().strip():
        return text
    raise Unusable("there is no question", fix="say it with --message, or write it to the standard input")


def _key() -> str | None:
    from plimsoll.cli.exits import Unusable

    stock = os.environ.get(STOCK_KEY, "").strip()
    key = os.environ.get(KEY, "").strip() or (stock if stock.startswith(_OURS) else "")
    if key and not _SENDABLE.fullmatch(key):
        raise Unusable(f"${KEY} holds characters that no key has", fix="set it again, to the key and nothing else")
    return key or None


@contextmanager
def _url(said: str | None, through: Through) -> Iterator[str]:
    if url := said or os.environ.get(URL):
        yield url
        return
    with forwarded(through) as port:
        yield f"http://127.0.0.1:{port}/v1"


@dataclass
class _Conversation:
    target: Target
    asking: Asking
    model: str

    def __post_init__(self) -> None:
        self._said: list[Message] = []

    def ask(self, question: str) -> None:
        from plimsoll.cli.output import line

        begun: list[str] = []

        def heard(piece: str) -> None:
            begun.append(piece)
            _say(piece)

        try:
            reply = self.answer_to(question, heard)
        finally:
            if begun:
                line()
        _tell(reply)

    def answer_to(self, question: str, heard: Callable[[str], None]) -> Reply:
        from plimsoll.cli.chat_call import ask

        asked = [*self._said, {"role": "user", "content": question}]
        reply = ask(self.target, self.asking.request(self.model, asked), heard)
        self._said = [*asked, {"role": "assistant", "content": reply.text}]
        return reply

    def go_on(self) -> None:
        """Until Ctrl-D. What goes wrong with one question leaves the others."""
        from plimsoll.cli.output import line, note
        from plimsoll.errors import UserError

        while True:
            try:
                question = _typed()
            except EOFError:
                line()
                return
            if question:
                try:
                    self.ask(question)
                except UserError as error:
                    note(f"plimsoll: {error.message}")
                    note(f"What to do: {error.fix}")


def _typed() -> str:
    import readline  # noqa: F401 - input() has a history by it

    return input("> ").strip()


def _say(piece: str) -> None:
    from plimsoll.cli.output import prose, write

    write(prose(piece))


def _tell(reply: Reply) -> None:
    from plimsoll.cli.output import note

    answer = _answer(reply)
    if answer.model:
        note(f"model: {answer.model}" + (f", revision {answer.revision}" if answer.revision is not None else ""))
    if usage := answer.usage:
        note(f"tokens: {usage.prompt} prompt + {usage.completion} completion = {usage.total}")
    first = f"{answer.first_token_seconds:.2f} s to the first token, " if answer.first_token_seconds is not None else ""
    note(f"time: {first}{answer.seconds:.2f} s in all")
    if answer.request_id:
        note(f"request: {answer.request_id}")
    if answer.finish_reason == "length":
        note("the answer is cut: it may have no more tokens")
    for name, what in (("x-plimsoll-capped", "the owner's limits"), ("x-plimsoll-unsupported", "not understood")):
        if said := reply.header(name):
            note(f"{what}: {said}")


def _answer(reply: Reply) -> ChatAnswer:
    from plimsoll.cli.answers import ChatAnswer, UsageAnswer

    usage, revision = reply.usage, reply.header("x-plimsoll-revision") or ""
    return ChatAnswer(
        answer=reply.text,
        finish_reason=reply.finish,
        model=reply.header("x-plimsoll-model"),
        revision=int(revision) if revision.isdecimal() else None,
        request_id=reply.header("x-request-id"),
        usage=UsageAnswer(**usage) if usage else None,
        first_token_seconds=None if reply.first is None else round(reply.first, 3),
        seconds=round(reply.seconds, 3),
    )


def _print(reply: Reply, output: ChatFormat) -> None:
    from plimsoll.cli.output import structured, write

    write(structured(_answer(reply).data(), output))
