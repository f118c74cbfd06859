"""One request as it came to the upstream, and what of it decides how an answer looks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Header = tuple[str, str]
_MARK = re.compile(rb"case=([\w-]+)")


def marked(case: str) -> str:
    """Text for a prompt by which the upstream knows whose script it is; whoever frames the prompt lets it through."""
    return f"case={case}"


@dataclass(frozen=True)
class Asked:
    number: int
    method: str
    path: str
    headers: Sequence[Header]
    body: bytes

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """Empty where the body is no JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def case(self) -> str:
        """The last mark of the body; a request without a body is known by its path."""
        found = _MARK.findall(self.body)
        return found[-1].decode() if found else "" if self.body else self.path

    @property
    def model(self) -> str:
        return str(self.fields.get("model", ""))

    @property
    def chat(self) -> bool:
        return self.path.endswith("/chat/completions")

    @property
    def streamed(self) -> bool:
        return self.fields.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        return self._stream_options.get("include_usage") is True

    @property
    def wants_running_usage(self) -> bool:
        """vLLM's own: usage in every event."""
        return self.wants_usage and self._stream_options.get("continuous_usage_stats") is True

    @property
    def wants_noise(self) -> bool:
        """OpenAI's own: letters that hide how long a word is."""
        return self._stream_options.get("include_obfuscation") is not False

    @property
    def answers(self) -> int:
        wanted = self.fields.get("n")
        return wanted if isinstance(wanted, int) and wanted > 0 else 1

    @property
    def most_tokens(self) -> int | None:
        for name in ("max_completion_tokens", "max_tokens"):
            wanted = self.fields.get(name)
            if isinstance(wanted, int):
                return wanted
        return None

    @property
    def inputs(self) -> int:
        """Of a request for embeddings: a list of texts or of lists is many, a list of tokens is one."""
        given = self.fields.get("input")
        many = isinstance(given, list) and bool(given) and not isinstance(given[0], int)
        return len(given) if isinstance(given, list) and many else 1

    @property
    def wants_base64(self) -> bool:
        return self.fields.get("encoding_format") == "base64"

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)

    @property
    def keeps_connection(self) -> bool:
        return "close" not in (self.header("connection") or "").lower()

    @property
    def _stream_options(self) -> Mapping[str, Any]:
        found = self.fields.get("stream_options")
        return found if isinstance(found, dict) else {}
