"""Renders chat templates in a process of their own: a thread cannot be killed, and a sandbox does not stop a bomb."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from plimsoll.runtime.confined.bounds import Bounds
from plimsoll.runtime.confined.process import Confined, Exceeded, Refused
from plimsoll.runtime.templates import trials
from plimsoll.runtime.templates.errors import TemplateError, TemplateExceeded
from plimsoll.runtime.templates.messages import Declared, Message, shaped

# What llama-server takes for a model that brings no template.
CHATML = (
    "{%- for message in messages -%}\n"
    "  {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "  {{- '<|im_start|>assistant\\n' -}}\n"
    "{%- endif -%}"
)
# What a busy node cuts short would be taken for what the template cannot say, for as long as this process lives.
_TRIES = 2


class Renderer:
    """One template. `start` once; from then on a process is warm for the next `render`."""

    def __init__(
        self,
        template: str | None,
        bos: str,
        eos: str,
        clock: Callable[[], float] = time.time,
        tool_template: str | None = None,
    ) -> None:
        """`tool_template`: the second template of some models, for requests with tools."""
        self._source = template or tool_template or CHATML
        told = {"template": self._source, "tool_template": tool_template or self._source, "bos": bos, "eos": eos}
        setup = orjson.dumps(told)
        self._process = Confined("plimsoll.runtime.templates.child", setup, Bounds())
        self._clock = clock
        self.declared = Declared()

    async def start(self) -> str | None:
        """Tries the template once; why not even the plainest conversation can be rendered, if it is so."""
        self.declared = await trials.declared(self._attempt, self._source)
        return await self._trouble()

    async def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt. Raises TemplateError or TemplateExceeded. `extra` are further names for the template."""
        values = {
            "messages": shaped(messages, self.declared),
            "add_generation_prompt": add_generation_prompt,
            **(extra or {}),
        }
        if tools:
            # Without any, some templates fail on a `tools` that is none and not missing.
            values["tools"] = tools
        try:
            return await self._rendered(values)
        except orjson.JSONEncodeError as error:
            raise TemplateError(f"the messages cannot be rendered: {error}", fix="Nest them less deeply.") from None
        except Refused as refused:
            raise TemplateError(str(refused), fix="Change the messages, or the chat template of the model.") from None
        except Exceeded as exceeded:
            raise TemplateExceeded(
                f"the chat template was stopped: {exceeded}",
                fix="Send less, or replace the chat template of the model.",
            ) from None

    async def close(self) -> None:
        await self._process.close()

    async def _trouble(self) -> str | None:
        told: list[str] = []
        for messages in trials.PLAINEST * _TRIES:
            try:
                await self.render(messages)
            except (TemplateError, TemplateExceeded) as error:
                told.append(error.message)
            else:
                return None
        return told[0]

    async def _rendered(self, values: Mapping[str, Any]) -> str:
        question = orjson.dumps({"now": self._clock(), "values": values})
        return (await self._process.ask(question)).decode("utf-8", "replace")

    async def _attempt(self, values: Mapping[str, Any]) -> str | None:
        for _ in range(_TRIES):
            try:
                return await self._rendered({"add_generation_prompt": True, **values})
            except Refused:
                return None
            except Exceeded:
                continue
        return None
