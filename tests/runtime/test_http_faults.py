"""An engine in which something breaks: what those hear who wait, and what whoever watches it is told."""

from __future__ import annotations

import threading
from pathlib import Path

import openai
import pytest

from tests.support.engine_process import StartProcess
from tests.support.waiting import wait_until

# The thread that computes stands still at its first request, as it would on a device that does not answer.
FROZEN = """
import threading
from plimsoll.runtime import generation
from plimsoll.runtime.http import state
state.PATIENCE_SECONDS = 0.2
generation.Generation.step = lambda self: threading.Event().wait()
"""
BROKEN = """
from plimsoll.runtime import generation
def step(self):
    raise RuntimeError("a bug of ours")
generation.Generation.step = step
"""


def test_a_frozen_step_is_found_and_an_idle_engine_is_not(start_process: StartProcess, tiny_model: Path) -> None:
    process = start_process(tiny_model, fault=FROZEN).wait_ready()
    assert process.get("/health")[0] == 200

    def ask() -> None:
        with pytest.raises(openai.APIError):
            process.client().completions.create(model="boat", prompt="balu")

    caller = threading.Thread(target=ask)
    caller.start()
    wait_until(lambda: process.get("/health")[0] == 503, 20, "it is found")
    assert "stuck_seconds" in process.get("/health")[1]
    process.kill()
    caller.join(30)


def test_an_engine_whose_thread_fails_tells_who_waits_and_ends(start_process: StartProcess, tiny_model: Path) -> None:
    process = start_process(tiny_model, fault=BROKEN).wait_ready()
    process.expects_trouble = True
    with pytest.raises(openai.InternalServerError) as raised:
        process.client().completions.create(model="boat", prompt="balu")
    assert "a bug of ours" not in str(raised.value)
    assert process.wait() == 1
    assert "a bug of ours" in process.log


def test_what_is_not_done_at_the_deadline_ends_with_an_error(start_process: StartProcess, small_model: Path) -> None:
    arguments = ("--context=4096", "--parallel=1", "--drain-seconds=0.2", "--waiting=1")
    process = start_process(small_model, *arguments).wait_ready()
    heard: list[str] = []
    began = threading.Event()

    def stream() -> None:
        try:
            for chunk in process.client().completions.create(model="boat", prompt="balu", max_tokens=4000, stream=True):
                began.set()
                heard.append(chunk.choices[0].text)
        except openai.APIError as error:
            heard.append(f"error: {error.message}")

    caller = threading.Thread(target=stream)
    caller.start()
    assert began.wait(20)
    assert process.end() == 0
    caller.join(20)
    assert len(heard) > 1
    assert "ends before the answer is complete" in heard[-1]
