"""Prompts are, token by token, those of llama-server, for the chat templates of its own source tree."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plimsoll.runtime.model import Model
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.templates.beginning import beginning
from plimsoll.runtime.templates.errors import TemplateError
from plimsoll.runtime.templates.renderer import Renderer
from tests.support import chat_prompts
from tests.support.conversations import CONVERSATIONS, Conversation
from tests.support.form import Form

_GOLDEN = chat_prompts.golden()
_THINKING = {"enable_thinking": True}
_ENOUGH = 20

# llama-server turns `enable_thinking` on unless it is told otherwise; here a template's author decides what is usual.
THINKS = {
    f"{name}.jinja"
    for name in (
        "Bielik-11B-v3.0-Instruct",
        "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
        "Qwen-QwQ-32B",
        "Reka-Edge",
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
        "deepseek-ai-DeepSeek-V3.1",
        "deepseek-ai-DeepSeek-V3.2",
        "deepseek-ai-DeepSeek-V4",
        "deepseek-ai-DeepSeek-V4-Flash-0731",
        "google-gemma-4-31B-it",
        "google-gemma-4-31B-it-interleaved",
        "llama-cpp-rwkv-world",
        "openbmb-MiniCPM5-1B",
        "poolside-Laguna-XS-2.1",
        "poolside-Laguna-XS.2",
    )
}
_EARLIER_THOUGHTS = "drops the marks of earlier thoughts by a default of its own, and llama-server keeps them"
# By template and conversation; None: in all of them.
DIFFERENT: dict[tuple[str, str | None], str] = {
    ("deepseek-ai-DeepSeek-V4.jinja", "no generation prompt"): _EARLIER_THOUGHTS,
    ("deepseek-ai-DeepSeek-V4.jinja", "turns after a system prompt"): _EARLIER_THOUGHTS,
    ("deepseek-ai-DeepSeek-V4-Flash-0731.jinja", "no generation prompt"): _EARLIER_THOUGHTS,
    ("deepseek-ai-DeepSeek-V4-Flash-0731.jinja", "turns after a system prompt"): _EARLIER_THOUGHTS,
    ("Kimi-K2-Instruct.jinja", "a call in the history"): "appends to a list, which Hugging Face's sandbox forbids too",
    ("Kimi-K2-Thinking.jinja", "a call in the history"): "appends to a list, which Hugging Face's sandbox forbids too",
    ("LFM2.5-8B-A1B.jinja", "parts of text"): "joins parts by itself, and llama-server joins them before it can",
    ("mistralai-Ministral-3-14B-Reasoning-2512.jinja", "parts of text"): (
        "joins parts by itself, and llama-server joins them before it can"
    ),
    ("fireworks-ai-llama-3-firefunction-v2.jinja", None): (
        "adds a name that nobody sets; llama.cpp's Jinja takes it for an empty text, Jinja for a mistake"
    ),
    ("google-gemma-4-31B-it-interleaved.jinja", "a call in the history"): (
        "llama-server rewrites the results of tools for this template, which is outdated"
    ),
    ("llama-cpp-deepseek-r1.jinja", "tools"): "writes a generator as JSON, which llama.cpp's Jinja has as a list",
    ("llama-cpp-deepseek-r1.jinja", "a call in the history"): (
        "writes a generator as JSON, which llama.cpp's Jinja has as a list"
    ),
    ("llama-cpp-rwkv-world.jinja", "no generation prompt"): (
        "asks whether add_generation_prompt is there; llama-server leaves it out where it was false"
    ),
    ("upstage-Solar-Open-100B.jinja", "no generation prompt"): (
        "asks whether add_generation_prompt is there; llama-server leaves it out where it was false"
    ),
}


@pytest.fixture(scope="module")
def model(engine_home: Path, tiny_model: Path) -> Iterator[Model]:
    loaded = Model.load(tiny_model, Settings(model=tiny_model, alias="tiny", context=256))
    yield loaded
    loaded.free()


@pytest.mark.parametrize("name", _GOLDEN.prompts)
def test_the_prompt_is_that_of_llama_server(name: str, model: Model) -> None:
    _require_equal(name, _GOLDEN.prompts[name], _prompts(model, name, _GOLDEN.asked))


def test_many_templates_need_no_exception() -> None:
    """Neither a word about thinking nor a line in the table."""
    special = THINKS | {name for name, _ in DIFFERENT}
    assert special <= _GOLDEN.prompts.keys()
    assert len(_GOLDEN.prompts.keys() - special) >= 2 * _ENOUGH


@pytest.fixture(scope="module")
def llama_server(form: Form) -> Path:
    if not form.long:
        pytest.skip("the short form takes what llama-server has said before")
    return chat_prompts.server_program()


@pytest.mark.long
def test_llama_server_says_the_same_when_it_is_asked_again(llama_server: Path, model: Model) -> None:
    for name in _GOLDEN.prompts:
        now = time.time()
        _require_equal(name, chat_prompts.of_llama_server(llama_server, name), _prompts(model, name, now))


def _require_equal(name: str, theirs: Mapping[str, str | None], ours: Mapping[str, str | None]) -> None:
    """But for what the table says, which must be true as well."""
    differ = {each for each in CONVERSATIONS if ours[each] != theirs[each]}
    expected = {each for each in CONVERSATIONS if (name, each) in DIFFERENT or (name, None) in DIFFERENT}
    assert differ == expected


def _prompts(model: Model, name: str, now: float) -> dict[str, str | None]:
    extra = _THINKING if name in THINKS else {}

    async def run() -> dict[str, str | None]:
        renderer = Renderer(chat_prompts.template(name), model.bos_text, model.eos_text, clock=lambda: now)
        try:
            await renderer.start()
            found = {each: await _tokens(model, renderer, CONVERSATIONS[each], extra) for each in CONVERSATIONS}
        finally:
            await renderer.close()
        return {each: chat_prompts.told(tokens) for each, tokens in found.items()}

    return asyncio.run(run())


async def _tokens(
    model: Model, renderer: Renderer, conversation: Conversation, extra: Mapping[str, Any]
) -> list[int] | None:
    try:
        text = await renderer.render(
            conversation.messages, conversation.tools, conversation.add_generation_prompt, extra
        )
    except TemplateError:
        return None
    plain = beginning(text, model.bos_text, model.adds_bos)
    tokens: list[int] = model.tokenize(plain, special=True, begin=True).tolist()
    assert tokens[0] == model.bos_token
    assert tokens[1] != model.bos_token
    return tokens
