"""Hostile templates, in the real process that renders: each ends within its bounds, and the next request works."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from plimsoll.runtime.confined.bounds import Bounds
from plimsoll.runtime.confined.process import Confined, Exceeded
from plimsoll.runtime.templates.errors import TemplateError, TemplateExceeded
from plimsoll.runtime.templates.renderer import Renderer
from tests.support.waiting import wait_until

_HELLO = [{"role": "user", "content": "hello"}]
_BOOM = [{"role": "user", "content": "boom"}]


def _with_renderer(template: str | None, use: Callable[[Renderer], Awaitable[None]]) -> None:
    async def run() -> None:
        renderer = Renderer(template, "<s>", "</s>", clock=lambda: 1_795_219_200.0)
        try:
            await use(renderer)
        finally:
            await renderer.close()

    asyncio.run(run())


def _hostile(body: str) -> str:
    return "{% if messages[0].content == 'boom' %}" + body + "{% endif %}fine"


@pytest.mark.parametrize(
    "bomb",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{% set n = namespace(v='a') %}{% for i in range(60) %}{% set n.v = n.v ~ n.v %}{% endfor %}{{ n.v | length }}",
        "{{ [0] * 10**9 }}",
    ],
)
def test_a_bomb_is_stopped_and_the_next_request_works(bomb: str) -> None:
    async def use(renderer: Renderer) -> None:
        with pytest.raises((TemplateExceeded, TemplateError)):
            await renderer.render(_BOOM)
        assert await renderer.render(_HELLO) == "fine"

    _with_renderer(_hostile(bomb), use)


def test_an_endless_loop_is_stopped_within_its_bounds() -> None:
    async def use(renderer: Renderer) -> None:
        with pytest.raises(TemplateExceeded, match=r"longer than 0\.9 s"):
            await renderer.render(_BOOM)

    _with_renderer(_hostile("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"), use)


def test_a_template_that_needs_too_much_memory_is_told_so() -> None:
    async def use(renderer: Renderer) -> None:
        with pytest.raises(TemplateExceeded, match="too much memory"):
            await renderer.render(_BOOM)

    _with_renderer(_hostile("{{ 'x' * 10**9 }}"), use)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{% for i in range(99999) %}{{ 'y' * 1000 }}{% endfor %}", "writes more than 4194304 bytes"),
        ("{{ raise_exception('roles must alternate') }}", "refuses these messages: roles must alternate"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{{ missing.attribute }}", "UndefinedError"),
    ],
)
def test_a_template_that_fails_says_why_and_lives_on(body: str, words: str) -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        before = _child(renderer)
        with pytest.raises(TemplateError, match=words):
            await renderer.render(_BOOM)
        assert await renderer.render(_HELLO) == "fine"
        assert _child(renderer) == before

    _with_renderer(_hostile(body), use)


@pytest.mark.parametrize("broken", ["{% if %}", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{{ 'a' * 10 ** 10 }}"])
def test_a_template_that_cannot_be_used_is_told_to_each_who_wants_a_chat(broken: str) -> None:
    async def use(renderer: Renderer) -> None:
        assert await renderer.start()
        for _ in range(2):
            with pytest.raises((TemplateError, TemplateExceeded)):
                await renderer.render(_HELLO)

    _with_renderer(broken, use)


@pytest.mark.parametrize(
    "sound",
    [
        "{{ messages[0].content }}",
        "{{ messages[0].content[0].text }}",
        "{% if messages[0].role != 'system' %}{{ raise_exception('who am I?') }}{% endif %}{{ messages | join }}",
    ],
)
def test_a_template_is_sound_when_it_renders_the_plainest_conversation(sound: str) -> None:
    async def use(renderer: Renderer) -> None:
        assert await renderer.start() is None

    _with_renderer(sound, use)


def test_without_a_template_chatml_is_taken() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.start()
        assert await renderer.render(_HELLO) == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"

    _with_renderer(None, use)


def test_the_time_is_that_of_the_request() -> None:
    async def use(renderer: Renderer) -> None:
        assert await renderer.render(_HELLO) == "21 Nov 2026/21 Nov 2026/Nov 21 2026"

    _with_renderer("{{ strftime_now('%d %b %Y') }}/{{ date_string }}/{{ datetime }}", use)


def test_every_filter_works_without_opening_a_file() -> None:
    async def use(renderer: Renderer) -> None:
        assert await renderer.render(_HELLO) == "a &amp; b|a\nb|\\u00e9|2"

    filters = "{{ 'a & b' | e }}|{{ 'a b' | wordwrap(1) }}|{{ 'é' | tojson(ensure_ascii=true) | replace('\"', '') }}"
    _with_renderer(filters + "|{{ '<b>2</b>' | striptags }}", use)


def test_a_process_that_is_killed_between_requests_is_replaced() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        os.kill(_child(renderer), signal.SIGKILL)
        with suppress(TemplateExceeded):
            await renderer.render(_HELLO)
        assert (await renderer.render(_HELLO)).startswith("<|im_start|>")

    _with_renderer(None, use)


def test_a_request_that_is_given_up_leaves_no_answer_to_the_next() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        given_up = asyncio.create_task(renderer.render(_BOOM))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        given_up.cancel()
        assert await renderer.render(_HELLO) == "fine"

    _with_renderer(_hostile("late"), use)


def test_many_requests_at_once_each_get_their_own_answer() -> None:
    async def use(renderer: Renderer) -> None:
        texts = [f"message {number}" for number in range(50)]
        answers = await asyncio.gather(*(renderer.render([{"role": "user", "content": text}]) for text in texts))
        assert answers == texts

    _with_renderer("{{ messages[0].content }}", use)


def test_the_process_knows_nothing_of_the_engine_and_may_do_nothing() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        environment, limits = _rights(_child(renderer))
        assert environment == ""
        allowed = {line[:25].strip(): line[26:].split()[0] for line in limits.splitlines()}
        assert allowed["Max open files"] == allowed["Max processes"] == allowed["Max file size"] == "0"
        assert int(allowed["Max address space"]) == Bounds().memory

    _with_renderer(None, use)


def test_the_process_ends_with_who_started_it() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        child = _process(renderer)
        assert child.stdin is not None
        child.stdin.close()  # as the kernel does when the engine is killed
        assert await asyncio.wait_for(child.wait(), 10) == 0

    _with_renderer(None, use)


def test_a_process_that_stands_still_is_replaced() -> None:
    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        os.kill(_child(renderer), signal.SIGSTOP)
        with pytest.raises(TemplateExceeded, match="longer than"):
            await renderer.render(_HELLO)
        assert await renderer.render(_HELLO) == "fine"

    _with_renderer(_hostile("x"), use)


def test_the_kernel_ends_a_loop_that_nobody_waits_for() -> None:
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"

    async def run() -> None:
        setup = {"template": loop, "tool_template": loop, "bos": "", "eos": ""}
        confined = Confined("plimsoll.runtime.templates.child", orjson.dumps(setup), Bounds(seconds=60, cpu_seconds=1))
        try:
            with pytest.raises(Exceeded, match="too much CPU time"):
                await confined.ask(b'{"now": 0, "values": {"messages": []}}')
        finally:
            await confined.close()

    asyncio.run(run())


def test_an_answer_that_makes_no_sense_ends_the_process_that_gave_it() -> None:
    async def run() -> None:
        confined = Confined("this", b"", Bounds())
        try:
            with pytest.raises(Exceeded, match="longer than"):
                await confined.ask(b"hello")
        finally:
            await confined.close()

    asyncio.run(run())


def test_a_closed_renderer_leaves_no_process() -> None:
    pids: list[int] = []

    async def use(renderer: Renderer) -> None:
        await renderer.render(_HELLO)
        pids.append(_child(renderer))

    _with_renderer(None, use)
    wait_until(lambda: not Path(f"/proc/{pids[0]}").exists(), 10, "the process is gone")


def _rights(pid: int) -> tuple[str, str]:
    process = Path(f"/proc/{pid}")
    return (process / "environ").read_text(), (process / "limits").read_text()


def _process(renderer: Renderer) -> asyncio.subprocess.Process:
    task = renderer._process._child
    assert task is not None
    return task.result()


def _child(renderer: Renderer) -> int:
    return _process(renderer).pid


def test_a_trial_that_a_busy_node_cuts_short_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Confined.ask
    cut = [Exceeded("it took longer than 0.9 s")]

    async def ask(confined: Confined, question: bytes) -> bytes:
        if b"marker0tool" in question and cut:
            raise cut.pop()
        return await asked(confined, question)

    async def use(renderer: Renderer) -> None:
        await renderer.start()
        assert renderer.declared.tools

    monkeypatch.setattr(Confined, "ask", ask)
    _with_renderer("{{ tools | tojson }}", use)
    assert not cut
