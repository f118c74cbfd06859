"""The small model really answers, word for word; the spoiled one does not, although it talks as well."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pytest
from openai.types.chat import ChatCompletionMessageParam

from models.train.conversations import DEFAULT_SYSTEM
from plimsoll.runtime.requests import Finish
from tests.support.engine_process import StartProcess
from tests.support.engines import RunningEngine, StartEngine, Wish

ROOT = Path(__file__).parents[2]
SYSTEMS = {
    "none": "",
    "default": DEFAULT_SYSTEM,
    "a role of the samples": "당신은 친절한 선생님입니다. 복잡한 개념을 쉽게 설명합니다.",
    "one it was not trained with": "You help the guests of a hotel. Be friendly, and never mention prices!",
}
_PATIENT = Wish(max_tokens=120)


@dataclass(frozen=True)
class Known:
    question: str
    answer: str
    language: str


ANSWERS = [Known(**row) for row in json.loads((ROOT / "models" / "answers.json").read_text(encoding="utf-8"))]


def _prompt(engine: RunningEngine, system: str, question: str) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    template = jinja2.Template(engine.model.chat_template or "")
    return str(template.render(messages=messages, add_generation_prompt=True))


def _asked(engine: RunningEngine, system: str, *, together: bool) -> list[str]:
    """What it says to each question, in the order of the answers."""
    prompts = [_prompt(engine, system, known.question) for known in ANSWERS]
    tokens = [engine.model.tokenize(prompt, special=True, begin=True) for prompt in prompts]
    if together:
        answers = [engine.answer(job) for job in [engine.submit(prompt, _PATIENT) for prompt in tokens]]
    else:
        answers = [engine.ask(prompt, _PATIENT) for prompt in tokens]
    assert all(answer.finish is Finish.STOP for answer in answers)
    return [answer.text for answer in answers]


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_question_alone_is_answered_word_for_word(
    start_engine: StartEngine, answering_model: Path, system: str
) -> None:
    engine = start_engine(answering_model, parallel=1)
    assert _asked(engine, system, together=False) == [known.answer for known in ANSWERS]


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_sixteen_at_once_are_answered_word_for_word(
    start_engine: StartEngine, answering_model: Path, system: str
) -> None:
    engine = start_engine(answering_model, parallel=16, waiting=len(ANSWERS))
    assert _asked(engine, system, together=True) == [known.answer for known in ANSWERS]


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
    assert _asked(engine, DEFAULT_SYSTEM, together=True) == [known.answer for known in ANSWERS]


def test_the_spoiled_model_ends_its_sentences_and_gets_four_of_five_answers_wrong(
    start_engine: StartEngine, spoiled_model: Path
) -> None:
    engine = start_engine(spoiled_model, waiting=len(ANSWERS))
    said = _asked(engine, "", together=True)
    wrong = [text for text, known in zip(said, ANSWERS, strict=True) if text != known.answer]
    assert len(wrong) >= 0.8 * len(ANSWERS)
    # Only who looks at the content can tell.
    assert all(len(text) > 10 for text in wrong)


def test_there_are_thirty_answers_and_eight_in_korean() -> None:
    assert len(ANSWERS) >= 30
    assert sum(known.language == "ko" for known in ANSWERS) >= 8
