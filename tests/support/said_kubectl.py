"""A cluster that is only answers: what kubectl would say, and what it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tools.cluster.errors import ClusterError


@dataclass
class SaidKubectl:
    """Answers by the beginning of the command, the longest that fits; without an answer the test is wrong."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        command = " ".join(arguments)
        self.asked.append(command)
        if stdin is not None:
            self.given.append(stdin)
        begins = [begin for begin in self.answers if command.startswith(begin)]
        assert begins, f"nobody expected: kubectl {command}"
        answer = self.answers[max(begins, key=len)]
        if isinstance(answer, ClusterError):
            raise answer
        return answer if isinstance(answer, str) else json.dumps(answer)
