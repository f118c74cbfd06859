"""The model that is committed: small, whole, and what its sums and our own reader say."""

from __future__ import annotations

import hashlib
from pathlib import Path

from models.train.examples import TEMPLATE
from plimsoll.plan.gguf import Header, parse


def test_the_committed_model_has_the_sum_that_is_written_beside_it(answering_model: Path) -> None:
    found = hashlib.sha256(answering_model.read_bytes()).hexdigest()
    assert f"{found}  {answering_model.name}\n" in (answering_model.parent / "SHA256SUMS").read_text()


def test_it_is_small_enough_to_be_committed(answering_model: Path) -> None:
    assert answering_model.stat().st_size < 5_000_000


def test_it_says_what_it_is_and_brings_its_template(answering_model: Path) -> None:
    content = answering_model.read_bytes()
    header = parse(content, len(content))
    assert isinstance(header, Header)
    assert header.values["general.architecture"] == "llama"
    assert header.values["general.name"] == "plimsoll-small"
    assert header.values["tokenizer.chat_template"] == TEMPLATE
