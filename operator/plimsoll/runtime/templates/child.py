"""The confined process that renders: `python -m plimsoll.runtime.templates.child`."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from typing import Any

from jinja2 import Template

from plimsoll.runtime.confined.child import Handle, Refusal, serve
from plimsoll.runtime.templates.environment import environment, refusal

_MOST_BYTES = 4 << 20

# Python and Jinja would import these when they first need them, and by then no file can be opened.
_NEEDED_LATER = (
    "encodings.unicode_escape", "html", "jinja2.constants", "jinja2.debug", "textwrap", "unicodedata",
)  # fmt: skip


class _Rendering:
    def __init__(self, setup: bytes) -> None:
        told = json.loads(setup)
        self._special = {"bos_token": told["bos"], "eos_token": told["eos"]}
        self._now = datetime.fromtimestamp(0, UTC)
        self._templates = {name: self._compiled(told[name]) for name in ("template", "tool_template")}

    def handle(self, question: bytes) -> bytes:
        told = json.loads(question)
        values = told["values"]
        template = self._templates["tool_template" if values.get("tools") else "template"]
        if isinstance(template, Refusal):
            raise template
        self._now = datetime.fromtimestamp(told["now"], UTC)
        try:
            return self._rendered(template, self._dates() | values)
        except (MemoryError, Refusal):
            raise
        except Exception as error:  # noqa: BLE001 - a template can fail in any way
            raise refusal(error) from None

    def _compiled(self, source: str) -> Template | Refusal:
        """A mistake in the template is told to whoever wants a chat: other requests can be served."""
        try:
            return environment(lambda: self._now).from_string(source)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a template can fail in any way
            return refusal(error)

    def _rendered(self, template: Template, values: dict[str, Any]) -> bytes:
        parts, length = [], 0
        for part in template.generate(**{**self._special, **values}):
            encoded = part.encode()
            length += len(encoded)
            if length > _MOST_BYTES:
                raise Refusal(f"the chat template writes more than {_MOST_BYTES} bytes")
            parts.append(encoded)
        return b"".join(parts)

    def _dates(self) -> dict[str, str]:
        """Two names that templates of Llama 3 and Firefunction ask for, as llama-server fills them."""
        return {"date_string": self._now.strftime("%d %b %Y"), "datetime": self._now.strftime("%b %d %Y")}


def _prepare(setup: bytes) -> Handle:
    return _Rendering(setup).handle


if __name__ == "__main__":
    for name in _NEEDED_LATER:
        importlib.import_module(name)
    serve(_prepare)
