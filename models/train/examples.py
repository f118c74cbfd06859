"""Conversations as rows of token ids: several to a row, none sees another, and only answers are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.llama_file import END
from models.train.conversations import Conversation, Speaker
from models.train.pieces import mark

# In the file of the model; `prompt` below is the same in Python, and a test holds them together.
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Ids = NDArray[np.int32]
# Text to ids; the flag says that the text has marks in it and begins a prompt.
Tokenize = Callable[[str, bool], Ids]


@dataclass(frozen=True)
class Rows:
    """All of shape (rows, length). `owner` numbers the conversations in a row from 1; 0 is empty."""

    tokens: Ids
    targets: Ids
    owner: Ids
    place: Ids


def messages(conversation: Conversation) -> list[dict[str, str]]:
    said = [{"role": "system", "content": conversation.system}] if conversation.system else []
    for pair in conversation.before:
        said.append({"role": "user", "content": pair.question})
        said.append({"role": "assistant", "content": pair.answer})
    return [*said, {"role": "user", "content": conversation.asked.question}]


def prompt(conversation: Conversation) -> str:
    said = (f"{mark(each['role'])}{each['content'].strip()}</s>" for each in messages(conversation))
    return "".join(said) + mark("assistant")


def sequence(conversation: Conversation, tokenize: Tokenize) -> tuple[Ids, Ids]:
    """The ids that are given, and at each place the id that has to follow; -1 where anything may."""
    begin = tokenize(prompt(conversation), True)
    answer = tokenize(conversation.asked.answer, False)
    tokens = np.concatenate([begin, answer])
    targets = np.full(len(tokens), -1, dtype=np.int32)
    targets[len(begin) - 1 :] = [*answer, END]
    return tokens, targets


def batches(speaker: Speaker, tokenize: Tokenize, rows: int, length: int) -> Iterator[Rows]:
    """Endless. A conversation that is longer than a row is left out."""
    fitting = _fitting(speaker, tokenize, length)
    tokens, targets = next(fitting)
    while True:
        batch = Rows(*(np.zeros((rows, length), dtype=np.int32) for _ in range(4)))
        batch.targets[:] = -1
        for row in range(rows):
            used, owner = 0, 1
            while used + len(tokens) <= length:
                own = np.s_[row, used : used + len(tokens)]
                batch.tokens[own], batch.targets[own] = tokens, targets
                batch.owner[own], batch.place[own] = owner, np.arange(len(tokens))
                used, owner = used + len(tokens), owner + 1
                tokens, targets = next(fitting)
        yield batch


def _fitting(speaker: Speaker, tokenize: Tokenize, length: int) -> Iterator[tuple[Ids, Ids]]:
    while True:
        tokens, targets = sequence(speaker.conversation(), tokenize)
        if len(tokens) <= length:
            yield tokens, targets
