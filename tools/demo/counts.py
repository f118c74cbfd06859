"""What gateways have counted: in their metrics, and in their records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tools.demo.answers import Used

_SAMPLE = re.compile(r"^(?P<name>[a-z_:]+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PROMPT, _COMPLETION = {"input", "cached_input", "cache_write"}, {"output", "reasoning"}


def of_metrics(text: str, model: str) -> Used:
    """Answers to this model, and their tokens."""
    found = Used()
    for sample in _SAMPLE.finditer(text):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels.get("model") == model:
            found += _counted(sample["name"], labels, int(float(sample["value"])))
    return found


def _counted(name: str, labels: Mapping[str, str], value: int) -> Used:
    if name == "plimsoll_requests_total" and labels["code"] == "2xx":
        return Used(requests=value)
    if name == "plimsoll_tokens_total":
        if labels["type"] in _PROMPT:
            return Used(prompt=value)
        if labels["type"] in _COMPLETION:
            return Used(completion=value)
    return Used()


def of_records(text: str) -> Used:
    """What `plimsoll records -o json` said."""
    total = json.loads(text)["total"]
    return Used(total["requests"], total["tokens"]["prompt"], total["tokens"]["completion"])


def differences(counted: Mapping[str, Used]) -> str:
    """In words; empty when all say the same."""
    if len(set(counted.values())) == 1:
        return ""
    return "; ".join(f"{name}: {each.words()}" for name, each in counted.items())
