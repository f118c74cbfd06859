"""Chat templates that an engine is started with: broken ones, and one whose calls begin with a control token."""

from __future__ import annotations

from pathlib import Path

from tests.support.byte_pairs import TOOL_CALLS, write
from tests.support.engine_process import StartProcess

_BROKEN = "a\n{{ messages[0].nothing.at_all }}"
_HELLO = {"messages": [{"role": "user", "content": "ab"}]}


def test_a_broken_template_on_the_command_line_ends_the_engine_before_it_loads(
    start_process: StartProcess, tiny_model: Path
) -> None:
    process = start_process(tiny_model, f"--chat-template={_BROKEN}")
    assert process.wait() == 2
    assert "--chat-template cannot be used: the chat template fails in line 2: UndefinedError" in process.log
    assert "What to do:" in process.log
    assert "loading" not in process.log


def test_a_broken_template_of_a_model_is_told_at_the_start_and_to_whoever_wants_a_chat(
    start_process: StartProcess, tmp_path: Path
) -> None:
    process = start_process(write(tmp_path / "model.gguf", chat_template=_BROKEN), "--context=256").wait_ready()
    (line,) = [line for line in process.log.splitlines() if "chats will fail" in line]
    assert '"level":"error"' in line.lower().replace(" ", "")
    assert "fails in line 2: UndefinedError" in line
    status, _, told = process.post("/v1/chat/completions", _HELLO)
    assert (status, told["error"]["code"]) == (400, "template_refused")
    assert process.post("/v1/completions", {"prompt": "ab", "max_tokens": 1})[0] == 200


def test_a_token_that_begins_calls_is_seen_by_their_reader(start_process: StartProcess, tmp_path: Path) -> None:
    template = "{% for tool in tools %}{{ tool.function.name }}[TOOL_CALLS]{% endfor %}{{ messages[0].content }}"
    process = start_process(write(tmp_path / "model.gguf", chat_template=template), "--context=256").wait_ready()
    forced = {"logit_bias": {str(TOOL_CALLS): 100}, "temperature": 0, "max_tokens": 1}
    _, _, told = process.post("/v1/completions", {"prompt": "ab", **forced})
    assert told["choices"][0]["text"] == "[TOOL_CALLS]"
    tool = {"type": "function", "function": {"name": "time"}}
    status, _, told = process.post("/v1/chat/completions", {**_HELLO, **forced, "tools": [tool]})
    assert (status, told["choices"][0]["message"]["content"]) == (200, "")
