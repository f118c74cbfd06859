"""Which wheels go into an image, and that they are what the lock says."""

import hashlib
from pathlib import Path

from tools.images import wheels

EXPORTED = r"""colorama==0.4.6 ; sys_platform == 'win32' \
    --hash=sha256:aa \
    --hash=sha256:ab
numpy==2.4.6 ; python_full_version < '3.12' \
    --hash=sha256:ba
numpy==2.5.5 ; python_full_version >= '3.12' \
    --hash=sha256:bb
typer==0.29.2 \
    --hash=sha256:ca
"""


def test_only_what_the_platform_needs_is_kept_with_all_its_hashes() -> None:
    kept = wheels.select(EXPORTED, {"colorama==0.4.6"})
    assert kept == "colorama==0.4.6 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"


def test_of_two_versions_in_the_lock_the_one_for_the_platform_is_kept() -> None:
    kept = wheels.select(EXPORTED, {"numpy==2.4.6", "typer==0.29.2"})
    assert kept == "numpy==2.4.6 \\\n    --hash=sha256:ba\ntyper==0.29.2 \\\n    --hash=sha256:ca\n"


def test_a_cached_wheel_that_was_damaged_is_noticed(tmp_path: Path) -> None:
    content = b"a wheel"
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "typer-0.29.2-py3-none-any.whl"
    wheel.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"typer==0.29.2 \\\n    --hash=sha256:{digest}\n")
    assert wheels._intact(tmp_path)
    wheel.write_bytes(b"a wheeL")
    assert not wheels._intact(tmp_path)
