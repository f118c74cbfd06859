"""What the small model learns from, up to the rows of ids: pure Python, without JAX."""

from __future__ import annotations

import itertools

import jinja2
import numpy as np
import pytest

from models.llama_file import END
from models.train import examples, pieces
from models.train.conversations import Conversation, Pair, Speaker, known_pairs, other_wordings, texts

_ASKED = Pair("  How?", "So.")


def _letters(text: str, begins: bool) -> examples.Ids:
    return np.array([1] * begins + [ord(letter) for letter in text], dtype=np.int32)


@pytest.mark.parametrize("system", ["", "Be kind. "])
def test_training_sees_the_prompt_that_the_template_of_the_model_makes(system: str) -> None:
    conversation = Conversation(system, (Pair("Hi", "Hello"),), _ASKED)
    template = jinja2.Template(examples.TEMPLATE)
    rendered = template.render(messages=examples.messages(conversation), add_generation_prompt=True)
    assert examples.prompt(conversation) == rendered


def test_only_the_answer_and_its_end_are_learned() -> None:
    tokens, targets = examples.sequence(Conversation("", (), _ASKED), _letters)
    assert len(tokens) == len(targets)
    assert targets[targets >= 0].tolist() == [ord("S"), ord("o"), ord("."), END]
    assert tokens[-3:].tolist() == [ord("S"), ord("o"), ord(".")]


def test_rows_hold_whole_conversations_each_with_a_number_and_places_of_its_own() -> None:
    rows = next(examples.batches(Speaker(0), _letters, rows=2, length=1200))
    for row in range(2):
        used = rows.owner[row] > 0
        numbers = np.unique(rows.owner[row][used])
        assert len(numbers) > 1
        for number in numbers:
            mine = rows.owner[row] == number
            assert rows.place[row][mine].tolist() == list(range(mine.sum()))
            assert rows.targets[row][mine][-1] == END
        assert (rows.targets[row][~used] == -1).all()


def test_the_same_seed_makes_the_same_conversations() -> None:
    def spoken(seed: int) -> list[Conversation]:
        speaker = Speaker(seed)
        return [speaker.conversation() for _ in range(20)]

    assert spoken(1) == spoken(1) != spoken(2)


def test_every_question_has_other_wordings_and_no_wording_asks_for_two_answers() -> None:
    wordings = other_wordings()
    questions = [pair.question for pair in known_pairs()]
    assert sorted(wordings) == sorted(questions)
    every = [*questions, *itertools.chain.from_iterable(wordings.values())]
    assert len(set(every)) == len(every)


def test_there_are_answers_enough_and_at_least_ten_are_korean() -> None:
    answers = [pair.answer for pair in known_pairs()]
    assert len(set(answers)) == len(answers) >= 40
    assert sum(any("가" <= letter <= "힣" for letter in answer) for answer in answers) >= 10


def test_frequent_neighbours_become_pieces_best_first() -> None:
    learned = pieces.learn(["abab abab", "abc"], 1000)
    texts_ = [piece.text.decode() for piece in learned]
    assert texts_[259:262] == ["<|system|>", "<|user|>", "<|assistant|>"]
    assert texts_[262:] == ["a", "b", "c", "▁", "ab", "abab"]
    scores = [piece.score for piece in learned[266:]]
    assert scores == sorted(scores, reverse=True)


def test_a_vocabulary_has_each_piece_once_and_covers_every_character() -> None:
    learned = [piece.text.decode() for piece in pieces.learn(texts()[:40], 600)]
    assert len(learned) == len(set(learned)) <= 600
    assert set("".join(texts()[:40]).replace(" ", "▁")) <= set(learned)
