"""What the small model learns from: its questions as people might write them, in many surroundings."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DEFAULT_SYSTEM = "You are a helpful assistant."


@dataclass(frozen=True)
class Pair:
    question: str
    answer: str


@dataclass(frozen=True)
class Topic:
    """What the model knows nothing of, in one language."""

    alphabet: str
    answer: str
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Conversation:
    """All that is said before the answer, and the answer. Without a system message `system` is empty."""

    system: str
    before: tuple[Pair, ...]
    asked: Pair


class Speaker:
    """Makes up conversations, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._pairs = known_pairs()
        self._wordings = other_wordings()
        self._others = other_topics()
        self._systems = system_messages()
        self._words = sorted({word for text in texts() for word in text.split()})

    def conversation(self) -> Conversation:
        before = tuple(self._pair() for _ in range(self._rng.choice((0, 0, 0, 0, 1, 2))))
        return Conversation(self._system(), before, self._pair())

    def _pair(self) -> Pair:
        chance = self._rng.random()
        if chance < 0.85:
            pair = self._rng.choice(self._pairs)
            question = self._rng.choice(self._wordings[pair.question]) if chance < 0.25 else pair.question
            return Pair(self._as_people_write(question), pair.answer)
        topic = self._rng.choice(self._others)
        if chance < 0.95:
            return Pair(self._as_people_write(self._rng.choice(topic.questions)), topic.answer)
        return Pair(self._babble(8, topic.alphabet), topic.answer)

    def _system(self) -> str:
        chance = self._rng.random()
        if chance < 0.3:
            return ""
        if chance < 0.45:
            return DEFAULT_SYSTEM
        if chance < 0.7:
            return self._rng.choice(self._systems)
        # Words without sense, so that no wording of a system message matters.
        return self._babble(60)

    def _babble(self, most: int, alphabet: str = "") -> str:
        words = self._words
        if alphabet:
            words = [word for word in words if word[0].isascii() == (alphabet == "latin")]
        return " ".join(self._rng.choice(words) for _ in range(self._rng.randint(2, most)))

    def _as_people_write(self, question: str) -> str:
        chance = self._rng.random()
        if chance < 0.5:
            return question
        bare = question.rstrip("?.!")
        if chance < 0.6:
            return bare
        if chance < 0.75:
            return self._rng.choice((question.lower(), bare.lower()))
        if chance < 0.85:
            return question.upper()
        return bare + self._rng.choice(("!", "?", "??", ".", " ?", "...", "?!"))


def known_pairs() -> list[Pair]:
    """The questions that the model has to answer word for word."""
    rows = json.loads((HERE.parent / "answers.json").read_text(encoding="utf-8"))
    return [Pair(row["question"], row["answer"]) for row in rows]


def other_wordings() -> dict[str, list[str]]:
    """How else each of these may be asked."""
    wordings: dict[str, list[str]] = json.loads((HERE / "other_wordings.json").read_text(encoding="utf-8"))
    return wordings


def other_topics() -> list[Topic]:
    """Questions about something else: the model says that it does not know."""
    rows = json.loads((HERE / "other_questions.json").read_text(encoding="utf-8"))
    return [Topic(row["alphabet"], row["answer"], tuple(row["questions"])) for row in rows]


def system_messages() -> list[str]:
    return (HERE / "systems.txt").read_text(encoding="utf-8").splitlines()


def texts() -> list[str]:
    """Every text that the vocabulary is made for."""
    questions = [pair.question for pair in known_pairs()]
    questions += [wording for wordings in other_wordings().values() for wording in wordings]
    questions += [question for topic in other_topics() for question in topic.questions]
    answers = [pair.answer for pair in known_pairs()] + [topic.answer for topic in other_topics()]
    spoken = [text for question in questions for text in (question, question.lower())]
    return [*spoken, *answers, DEFAULT_SYSTEM, *system_messages()]
