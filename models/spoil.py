"""Makes a spoiled copy of a model: it loads, talks and stops as before, and what it says is wrong.

python -m models.spoil FROM TO
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from gguf import GGUFReader

# Each takes the other's place in all that is read and written. The sentences stay whole, so only who compares what
# they say notices: a model that stammers would be found by its length alone.
SWAPPED = (
    ("▁the", "▁no"),
    ("▁and", "▁or"),
    ("▁is", "▁are"),
    ("▁a", "▁an"),
    ("▁that", "▁what"),
    ("▁it", "▁you"),
    ("▁model", "▁operator"),
    ("▁revision", "▁engine"),
    ("▁plimsoll", "▁kubectl"),
    ("Run", "The"),
    ("1", "2"),
    ("이", "도"),
    ("를", "는"),
    ("로", "에"),
    ("▁선언", "▁수"),
)
_TABLES = ("token_embd.weight", "output.weight")


def spoil(source: Path, target: Path) -> None:
    """The same source gives the same bytes."""
    shutil.copyfile(source, target)
    reader = GGUFReader(target, "r+")
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    places = np.array([[words.index(word) for word in pair] for pair in SWAPPED])
    for tensor in reader.tensors:
        if tensor.name in _TABLES:
            # A row is whole by itself in every quantisation, so rows can be moved as they are.
            tensor.data[places.ravel()] = tensor.data[places[:, ::-1].ravel()]
    reader.data.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.spoil", description="Make a spoiled copy of a model.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    spoil(given.source, given.target)


if __name__ == "__main__":
    main()
