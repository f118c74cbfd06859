"""The engine as a process: how it begins, how it ends, and what those hear who are inside."""

import asyncio
import signal
import socket
import threading
from pathlib import Path

import openai
import pytest
from openai.types.completion_choice import Logprobs

from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES
from tests.support.engine_process import EngineProcess, StartProcess
from tests.support.waiting import wait_until

STREAMS = 50
LENGTH = 200


async def stream(client: openai.AsyncOpenAI, number: int, began: asyncio.Semaphore) -> tuple[int, int, str | None]:
    """Tokens by usage, pieces of text, and how it ended."""
    chunks = await client.completions.create(
        model="boat", prompt=f"balu {number}", max_tokens=LENGTH, stream=True, temperature=0,
        stream_options={"include_usage": True}, logprobs=0,
    )  # fmt: skip
    tokens, usage, finish = 0, 0, None
    async for chunk in chunks:
        began.release()
        for choice in chunk.choices:
            tokens += _tokens_in(choice.logprobs)
            finish = choice.finish_reason
        usage = chunk.usage.completion_tokens if chunk.usage else usage
    return usage, tokens, finish


def inside(process: EngineProcess) -> int:
    """How many answers the engine has heard of."""
    names = ("slots_busy", "waiting", "requests_total")
    return int(sum(process.metric(f"plimsoll_engine_{name}") for name in names))


def _tokens_in(logprobs: Logprobs | None) -> int:
    return 0 if logprobs is None or logprobs.tokens is None else len(logprobs.tokens)


def test_of_fifty_streams_none_is_cut_when_the_engine_is_asked_to_stop(
    start_process: StartProcess, tiny_model: Path
) -> None:
    process = start_process(tiny_model, "--context=256", "--parallel=8", f"--waiting={STREAMS}").wait_ready()

    async def story() -> list[tuple[int, int, str | None]]:
        began = asyncio.Semaphore(0)
        async with process.async_client() as client:
            calls = [asyncio.create_task(stream(client, number, began)) for number in range(STREAMS)]
            await began.acquire()
            await asyncio.to_thread(wait_until, lambda: inside(process) >= STREAMS, 30, "all have come")
            process.signal(signal.SIGTERM)
            return await asyncio.gather(*calls)

    assert asyncio.run(story()) == [(LENGTH, LENGTH, "length")] * STREAMS
    assert process.wait() == 0


def test_who_comes_while_the_engine_drains_is_sent_elsewhere(start_process: StartProcess, tiny_model: Path) -> None:
    process = start_process(tiny_model, "--context=2048", "--parallel=1").wait_ready()
    ended: list[str | None] = []

    def long() -> None:
        answer = process.client().completions.create(model="boat", prompt="balu", max_tokens=1500)
        ended.append(answer.choices[0].finish_reason)

    caller = threading.Thread(target=long)
    caller.start()
    wait_until(lambda: process.metric("plimsoll_engine_slots_busy") == 1, 10, "the call has begun")
    process.signal(signal.SIGTERM)
    wait_until(lambda: process.get("/ready")[0] == 503, 10, "it drains")
    status, headers, body = process.post("/v1/completions", {"prompt": "balu"})
    assert (status, headers["connection"], body["error"]["code"]) == (503, "close", "draining")
    assert process.get("/health")[0] == 200
    caller.join(30)
    assert (process.wait(), ended) == (0, ["length"])


def test_an_engine_that_is_asked_to_stop_while_it_begins_ends_well(
    start_process: StartProcess, small_model: Path
) -> None:
    process = start_process(small_model)
    assert process.port
    assert process.end() == 0


def test_it_listens_before_the_model_is_there(start_process: StartProcess, small_model: Path) -> None:
    process = start_process(small_model)
    status, body = process.get("/ready")
    assert (status, process.get("/health")[0]) == (503, 200)
    assert "loading" in body
    status, headers, told = process.post("/v1/completions", {"prompt": "balu"})
    assert (status, told["error"]["code"], headers["retry-after"]) == (503, "loading", "5")
    process.wait_ready()
    assert process.lines("ready")
    assert process.end() == 0


def test_a_full_waiting_room_is_told_as_such(start_process: StartProcess, tiny_model: Path) -> None:
    process = start_process(tiny_model, "--context=2048", "--parallel=1", "--waiting=1").wait_ready()

    async def story() -> list[object]:
        async with process.async_client() as client:
            calls = [
                client.completions.create(model="boat", prompt="balu", max_tokens=600, temperature=0) for _ in range(6)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(story())
    refused = [answer for answer in answers if isinstance(answer, openai.RateLimitError)]
    assert (len(refused), len(answers)) == (4, 6)
    assert all(1 <= int(error.response.headers["retry-after"]) <= 60 for error in refused)
    assert process.client().completions.create(model="boat", prompt="balu", max_tokens=2).choices


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_inside_the_library_says_where_and_ends_with_its_signal(
    start_process: StartProcess, tiny_model: Path, number: signal.Signals
) -> None:
    process = start_process(tiny_model).wait_ready()
    process.expects_trouble = True
    process.signal(number)
    assert process.wait() == -number
    assert "Fatal Python error" in process.log
    assert 'File "' in process.log


def ending(process: EngineProcess) -> tuple[int, str]:
    return process.wait(), process.log


def test_a_file_that_is_no_model_ends_the_engine_by_the_contract(start_process: StartProcess, tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<html>Sign in</html>")
    code, log = ending(start_process(page))
    assert code == EXIT_CODES[Reason.NOT_A_MODEL]
    assert "What to do:" in log


def test_a_file_that_is_not_there_is_told_by_its_name(start_process: StartProcess, tmp_path: Path) -> None:
    code, log = ending(start_process(tmp_path / "missing.gguf"))
    assert code == 1
    assert "missing.gguf cannot be read: No such file" in log


def test_a_file_that_is_cut_is_refused_before_the_library_reads_it(
    start_process: StartProcess, tiny_model: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_model.read_bytes()[:-1000])
    code, log = ending(start_process(cut))
    assert code == EXIT_CODES[Reason.NOT_A_MODEL]
    assert "llama.cpp:" not in log


def test_an_architecture_that_nobody_knows_is_told_as_such(
    start_process: StartProcess, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    data = tiny_model.read_bytes()
    name = b"general.architecture" + (8).to_bytes(4, "little") + (5).to_bytes(8, "little")
    assert name + b"llama" in data
    other.write_bytes(data.replace(name + b"llama", name + b"boats"))
    code, _ = ending(start_process(other))
    assert code == EXIT_CODES[Reason.MODEL_UNSUPPORTED]


def test_gpus_that_are_not_there_are_missed(start_process: StartProcess, tiny_model: Path) -> None:
    code, log = ending(start_process(tiny_model, "--gpu-layers=99"))
    assert code == EXIT_CODES[Reason.DRIVER_MISSING]
    assert "99 layers" in log


def test_a_port_that_is_taken_is_told_with_its_number(start_process: StartProcess, tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = ending(start_process(tiny_model, f"--port={port}"))
    assert code == 1
    assert str(port) in log
