"""python -m models.train WORK: trains on from what is in the folder, and at the end writes the model into it."""

from __future__ import annotations

import argparse
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.llama_file import Array, Description, Shape, tensors_of, write
from models.quantise import quantise
from models.train import network, pieces, training
from models.train.conversations import texts
from models.train.examples import TEMPLATE, Ids, Tokenize
from plimsoll.runtime.model import Model
from plimsoll.runtime.settings import Settings

_NAME = "plimsoll-small"
_MOST_PIECES = 1600
_ALL_THE_TIME = 24 * 3600.0

say = functools.partial(print, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.train", description="Train the small model that answers.")
    parser.add_argument("work", type=Path, help="keeps what was reached")
    parser.add_argument("--seconds", type=float, default=_ALL_THE_TIME, help="stop after so long, to go on later")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    described = description()
    plan = training.Plan(described.shape)
    kept = given.work / f"reached-{_fingerprint()}.npz"
    state = training.load(plan, kept)
    tokenize = tokenizer(described, plan, given.work)
    state = training.train(plan, state, tokenize, given.seconds, say)
    training.save(state, kept)
    if state.step < plan.steps:
        raise SystemExit(f"stopped after step {state.step} of {plan.steps}; the same command goes on from there")
    whole = given.work / "f16.gguf"
    write(whole, described, _values(state.weights, described.shape))
    quantise(whole, given.work / f"{_NAME}.gguf", "Q8_0")
    # The next training begins anew.
    kept.unlink()


def description() -> Description:
    learned = pieces.learn(texts(), _MOST_PIECES)
    shape = Shape(4, 256, 512, heads=4, kv_heads=2, vocabulary=len(learned), context=2048)
    return Description(_NAME, shape, learned, TEMPLATE, space_before_text=False)


def tokenizer(described: Description, plan: training.Plan, work: Path) -> Tokenize:
    """llama.cpp's own, so that the model hears in training what it will hear when it serves."""
    path = work / "untrained.gguf"
    write(path, described, _values(network.begin(plan.shape, plan.seed), plan.shape))
    model = Model.load(path, Settings(model=path, alias=_NAME, context=64))

    def tokenize(text: str, begins: bool) -> Ids:
        return model.tokenize(text, special=begins, begin=begins)

    return tokenize


def _fingerprint() -> str:
    """What was reached with other texts or another network is of no use."""
    folder = Path(__file__).parent
    sources = [*sorted(folder.glob("*.*")), folder.parent / "answers.json", folder.parent / "llama_file.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _values(weights: network.Weights, shape: Shape) -> Iterator[Array]:
    return (np.asarray(weights[tensor.name]) for tensor in tensors_of(shape))


if __name__ == "__main__":
    main()
