"""Libraries that the image's Debian could not run are refused before there is an image."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tools.cluster.progress import Silent
from tools.engine import build
from tools.engine.errors import EngineError
from tools.images import libraries
from tools.images.errors import ImageError

# As readelf prints it.
OLD = "0x0010: Name: GLIBC_2.34  Flags: none  Version: 5\n0x0020: Name: GLIBCXX_3.4.30  Flags: none  Version: 7"
NEW = f"{OLD}\n0x0030: Name: GLIBC_2.38  Flags: none  Version: 9\n0x0040: Name: CXXABI_1.3.15  Flags: none  Version: 4"


def test_versions_that_the_image_has_are_fine() -> None:
    assert libraries.too_new(OLD) == []


def test_every_version_that_the_image_lacks_is_named() -> None:
    assert libraries.too_new(NEW) == ["CXXABI 1.3.15", "GLIBC 2.38"]


def test_a_machine_with_a_newer_system_is_told_where_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "require_machine", lambda: None)
    monkeypatch.setattr(build, "ensure", lambda *_: Path("/nowhere"))
    monkeypatch.setattr(libraries, "_needs", lambda _: NEW)
    with pytest.raises(ImageError, match=r"needs CXXABI 1.3.15, GLIBC 2.38, .* build the engine's image on Debian 12"):
        libraries.portable(Silent())


def test_a_machine_that_is_not_x86_is_told_how_to_build_the_other_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(EngineError, match="build --only plimsoll"):
        libraries.portable(Silent())
