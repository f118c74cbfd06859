"""A real process, killed again and again at any moment: what it was told is written is there, once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import journal_process
from tests.support.form import Form
from tests.support.journals import read

ROOT = Path(__file__).parents[3]


def killed(folder: Path, after: int) -> dict[str, int]:
    """The last number for each word that the process said, when it was killed after so many lines or soon after."""
    process = subprocess.Popen(
        [sys.executable, "-m", journal_process.__name__, folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: dict[str, int] = {}
    with process.stdout as lines:
        for at, line in enumerate(lines):
            word, number = line.split()
            # What it replays first counts, of everything else the last.
            said[word] = said.get(word, int(number)) if word == "from" else int(number)
            if at == after:
                process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    return said


def test_a_killed_writer_loses_nothing_and_writes_nothing_twice(tmp_path: Path, form: Form) -> None:
    chance = random.Random(form.seed)
    safe = confirmed = 0
    for _ in range(form.count(small=8, large=200)):
        said = killed(tmp_path, chance.choice([0, 1, 30, 100, 400]) + chance.randrange(20))
        assert said.get("from", safe + 1) <= safe + 1
        assert said.get("from", confirmed + 1) >= confirmed + 1
        # A kill can come before the first record of its life.
        safe = said.get("wrote", safe)
        confirmed = max(confirmed, said.get("confirmed", 0))
        numbers = [int(record.request.removeprefix("req-")) for record in read(tmp_path)]
        # At most the one that was written when the kill came is more than was said.
        assert numbers in ([*range(1, safe + 1)], [*range(1, safe + 2)])
        safe = numbers[-1]
