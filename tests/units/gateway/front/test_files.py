"""How many clients a process takes that may not have as many files as it would like."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import logging, resource, sys
from plimsoll.gateway.server import allow_files
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
print(allow_files(int(sys.argv[1])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("asked", "taken", "files", "told"),
    [
        (20, 20, 64, ""),
        (100, 100, 200, ""),
        (150, 150, 300, ""),
        (
            151,
            150,
            300,
            "151 connections need 302 open files, and this process may have 300: it takes 150 connections\n",
        ),
    ],
)
def test_no_more_connections_are_taken_than_there_are_files_for(asked: int, taken: int, files: int, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(asked)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [str(taken), str(files)]
    assert done.stderr == told
