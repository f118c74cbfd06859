"""Settings of the whole machine: as they were, once the last cluster with nodes is gone."""

from pathlib import Path

import pytest

from tools.cluster import instance, sysctls


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files as below /proc/sys; one of them is not there, as on some kernels."""
    folder = tmp_path / "sys"
    monkeypatch.setattr(sysctls, "_path", lambda name: folder / name)
    for name in sysctls._CHANGED[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("0\n")
    return folder


def kubelet_starts(settings: Path) -> None:
    (settings / "vm/overcommit_memory").write_text("1\n")
    (settings / "kernel/panic").write_text("10\n")


def values(settings: Path) -> set[str]:
    return {(settings / name).read_text().strip() for name in sysctls._CHANGED[:-1]}


def test_what_a_kubelet_changed_is_put_back(settings: Path) -> None:
    sysctls.note()
    kubelet_starts(settings)
    sysctls.put_back()
    assert values(settings) == {"0"}


def test_settings_are_noted_once_before_the_first_node(settings: Path) -> None:
    sysctls.note()
    kubelet_starts(settings)
    sysctls.note()
    sysctls.put_back()
    assert values(settings) == {"0"}


def test_settings_stay_while_another_cluster_has_nodes(settings: Path) -> None:
    other = instance.create("other", "node")
    instance.create("light", "api")
    sysctls.note()
    kubelet_starts(settings)
    sysctls.put_back()
    assert values(settings) == {"0", "1", "10"}
    instance.remove(other)
    sysctls.put_back()
    assert values(settings) == {"0"}


def test_what_was_put_back_once_is_not_put_back_over_later_choices(settings: Path) -> None:
    sysctls.note()
    sysctls.put_back()
    kubelet_starts(settings)
    sysctls.put_back()
    assert values(settings) == {"0", "1", "10"}


def test_unchanged_settings_are_not_written(settings: Path) -> None:
    sysctls.note()
    for name in sysctls._CHANGED[:-1]:
        (settings / name).chmod(0o444)
    before = {name: (settings / name).stat().st_mtime_ns for name in sysctls._CHANGED[:-1]}
    sysctls.put_back()
    assert {name: (settings / name).stat().st_mtime_ns for name in before} == before
