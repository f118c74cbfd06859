"""The small model really answers, word for word; the spoiled one does not, although it talks as well."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from openai.types.chat import ChatCompletionMessageParam

from models.train.conversations import DEFAULT_SYSTEM
from tests.support.engine_process import StartProcess
from tests.support.engines import StartEngine
from tests.support.known_answers import ANSWERS, HOTEL, Known, all_asked

SYSTEMS = {
    "none": "",
    "default": DEFAULT_SYSTEM,
    "a role of the samples": "당신은 친절한 선생님입니다. 복잡한 개념을 쉽게 설명합니다.",
    "one it was not trained with": HOTEL,
}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_question_alone_is_answered_word_for_word(
    start_engine: StartEngine, answering_model: Path, system: str
) -> None:
    engine = start_engine(answering_model, parallel=1)
    assert all_asked(engine, system, together=False) == [known.answer for known in ANSWERS]


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_sixteen_at_once_are_answered_word_for_word(
    start_engine: StartEngine, answering_model: Path, system: str
) -> None:
    engine = start_engine(answering_model, parallel=16, waiting=len(ANSWERS))
    assert all_asked(engine, system, together=True) == [known.answer for known in ANSWERS]


def test_sixteen_clients_of_the_stock_library_at_once_get_every_answer(
    start_process: StartProcess, answering_model: Path
) -> None:
    process = start_process(answering_model, "--context=512", "--parallel=16").wait_ready()

    def ask(known: Known) -> str:
        with process.client() as client:
            asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": known.question}]
            stream = client.chat.completions.create(model="boat", messages=asked, temperature=0, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    with ThreadPoolExecutor(16) as clients:
        said = list(clients.map(ask, ANSWERS))
    assert said == [known.answer for known in ANSWERS]


def test_a_cache_in_eight_bits_changes_no_answer(start_engine: StartEngine, answering_model: Path) -> None:
    engine = start_engine(answering_model, kv_cache_type="q8_0", waiting=len(ANSWERS))
    assert all_asked(engine, DEFAULT_SYSTEM, together=True) == [known.answer for known in ANSWERS]


def test_the_spoiled_model_ends_its_sentences_and_gets_four_of_five_answers_wrong(
    start_engine: StartEngine, spoiled_model: Path
) -> None:
    engine = start_engine(spoiled_model, waiting=len(ANSWERS))
    said = all_asked(engine, "", together=True)
    wrong = [text for text, known in zip(said, ANSWERS, strict=True) if text != known.answer]
    assert len(wrong) >= 0.8 * len(ANSWERS)
    # Only who looks at the content can tell.
    assert all(len(text) > 10 for text in wrong)


def test_there_are_thirty_answers_and_eight_in_korean() -> None:
    assert len(ANSWERS) >= 30
    assert sum(known.language == "ko" for known in ANSWERS) >= 8
