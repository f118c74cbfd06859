"""What the small model answers to every question that it was trained with, alone or beside others: nothing is close.

A random model will not do where two texts are compared: the last bits of a token depend on how many are computed with
it, differently on each processor, and with random weights they decide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.requests import Finish
from tests.support.engines import RunningEngine, Wish

_ROOT = Path(__file__).parents[2]
PATIENT = Wish(max_tokens=120)
# One that it was not trained with.
HOTEL = "You help the guests of a hotel. Be friendly, and never mention prices!"


@dataclass(frozen=True)
class Known:
    question: str
    answer: str
    language: str


ANSWERS = [Known(**row) for row in json.loads((_ROOT / "models" / "answers.json").read_text(encoding="utf-8"))]


def prompt_of(engine: RunningEngine, system: str, question: str) -> NDArray[np.int32]:
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    template = jinja2.Template(engine.model.chat_template or "")
    text = str(template.render(messages=messages, add_generation_prompt=True))
    return engine.model.tokenize(text, special=True, begin=True)


def all_asked(engine: RunningEngine, system: str, *, together: bool) -> list[str]:
    """What it says to each question, in the order of the answers."""
    prompts = [prompt_of(engine, system, known.question) for known in ANSWERS]
    if together:
        answers = [engine.answer(job) for job in [engine.submit(prompt, PATIENT) for prompt in prompts]]
    else:
        answers = [engine.ask(prompt, PATIENT) for prompt in prompts]
    assert all(answer.finish is Finish.STOP for answer in answers)
    return [answer.text for answer in answers]
