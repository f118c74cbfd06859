"""The process around the passes: its configuration, probes, logs and background work."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from plimsoll.controller.background import Background
from plimsoll.controller.configuration_file import ConfigurationFile
from plimsoll.controller.health import Health
from plimsoll.controller.logs import pass_for, this_pass
from plimsoll.errors import UserError
from plimsoll.logs import JsonLines
from plimsoll.plan.observed import Key
from tests.support.virtual_time import run

_GOOD = "images: {plimsoll: 'p:1'}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "configuration.yaml"
    path.write_text(_GOOD)
    return path


@pytest.mark.parametrize("text", [None, "", "images: [", "images: {plimsoll: 'p:1'}\nprofils: []\n", "\x00"])
def test_a_process_does_not_start_on_a_bad_file(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "configuration.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=r"configuration\.yaml"):
        ConfigurationFile(path)


def _swap(file: Path, text: str) -> None:
    """As a mounted ConfigMap changes: another file stands there at once."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def test_a_file_that_stays_as_it_is_changes_nothing(file: Path) -> None:
    configuration = ConfigurationFile(file)
    assert not configuration.look()
    assert configuration.generation == 1


def test_another_good_file_is_in_force(file: Path) -> None:
    configuration = ConfigurationFile(file)
    _swap(file, f"{_GOOD}history: 5\n")
    assert configuration.look()
    assert (configuration.current.history, configuration.generation) == (5, 2)
    assert not configuration.look()


@pytest.mark.parametrize("text", [f"{_GOOD}history: many\n", "images: [", None])
def test_a_bad_file_is_told_once_and_leaves_the_last_good_one_in_force(file: Path, text: str | None) -> None:
    configuration = ConfigurationFile(file)
    if text is None:
        file.unlink()
    else:
        _swap(file, text)
    with pytest.raises(UserError):
        configuration.look()
    assert not configuration.look()
    assert (configuration.current.history, configuration.generation) == (20, 1)
    assert not configuration.valid


def test_a_file_that_was_put_right_is_in_force_again(file: Path) -> None:
    configuration = ConfigurationFile(file)
    _swap(file, "nonsense: 1\n")
    with pytest.raises(UserError):
        configuration.look()
    _swap(file, f"{_GOOD}history: 7\n")
    assert configuration.look()
    assert (configuration.current.history, configuration.valid) == (7, True)


def test_a_process_is_alive_as_long_as_its_resyncs_finish() -> None:
    async def main() -> None:
        health = Health(resync=600)
        assert health.alive() == (True, "standing by")
        assert health.ready() == (True, "standing by")
        health.began()
        assert health.ready() == (False, "everything is being listed")
        health.primed = True
        assert health.ready() == (True, "ok")
        await asyncio.sleep(1800)
        assert health.alive()[0]
        await asyncio.sleep(1)
        assert health.alive() == (False, "no resync has finished for 1801 s")
        health.resynced()
        assert health.alive()[0]

    run(main())


def test_resyncs_that_come_fast_may_fail_for_five_minutes() -> None:
    async def main() -> None:
        health = Health(resync=5)
        health.began()
        await asyncio.sleep(300)
        assert health.alive()[0]
        await asyncio.sleep(1)
        assert not health.alive()[0]

    run(main())


def _line(record: logging.LogRecord) -> dict[str, str]:
    line: dict[str, str] = json.loads(JsonLines(this_pass).format(record))
    return line


def test_what_is_logged_in_a_pass_carries_its_id_and_its_model() -> None:
    record = logging.LogRecord("a.b", logging.INFO, "", 0, "applied %s", ("Service",), None)
    with pass_for(Key("team", "chat")) as first:
        inside = _line(record)
    with pass_for(Key("team", "chat")) as second:
        pass
    assert inside["message"] == "applied Service"
    assert (inside["pass"], inside["namespace"], inside["name"]) == (first, "team", "chat")
    assert first != second
    assert "pass" not in _line(record)


def test_work_of_one_name_runs_once_at_a_time_and_is_told_when_it_ends() -> None:
    async def main() -> list[str]:
        background, told = Background(), list[str]()

        async def work(name: str) -> None:
            await asyncio.sleep(5)
            told.append(name)

        background.start("a", work("first"), lambda: told.append("ended"))
        background.start("a", work("second"), lambda: told.append("never"))
        await asyncio.sleep(10)
        background.start("a", work("third"), lambda: told.append("never"))
        background.stop("a")
        await asyncio.sleep(10)
        await background.close()
        return told

    assert run(main()) == ["first", "ended"]


def test_work_that_was_stopped_can_begin_anew_at_once() -> None:
    async def main() -> list[str]:
        background, told = Background(), list[str]()

        async def work(name: str) -> None:
            await asyncio.sleep(5)
            told.append(name)

        background.start("a", work("first"), lambda: told.append("never"))
        await asyncio.sleep(1)
        background.stop("a")
        background.start("a", work("second"), lambda: told.append("ended"))
        await background.wait("a", 10)
        await asyncio.sleep(1)
        return told

    assert run(main()) == ["second", "ended"]


def test_work_that_fails_is_logged_and_ended(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[str]:
        background, told = Background(), list[str]()

        async def work() -> None:
            raise ZeroDivisionError("oops")

        background.start("a", work(), lambda: told.append("ended"))
        await asyncio.sleep(1)
        return told

    assert run(main()) == ["ended"]
    assert "oops" in caplog.text
