"""A planted secret is found wherever it leaks to, in whatever form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests.support.canaries import Canaries, Leaks, forms

pytest_plugins = ["pytester"]

SECRET = 'påss/word+="&\\42'

DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "JSON": json.dumps,
    "JSON with real letters": lambda text: json.dumps({"a": [text]}, ensure_ascii=False),
    "an address": quote,
    "a path": lambda text: quote(text, safe=""),
    "a form": lambda text: urlencode({"key": text}),
    "a query": quote_plus,
    "hexadecimal": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 behind one letter": lambda text: base64.b64encode(b"u" + text.encode() + b"!").decode(),
    "base64 behind two letters": lambda text: base64.b64encode(b"u:" + text.encode() + b"!?").decode(),
    "base64 behind many letters": lambda text: base64.b64encode(b"user:" + text.encode() + b" and more").decode(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_secret_is_found_in_every_disguise(disguise: str) -> None:
    canaries = Canaries()
    canaries.plant(SECRET)
    assert canaries.search([("a log", f"before {DISGUISES[disguise](SECRET)} after")]) == ["a log"]


def test_what_is_not_the_secret_is_not_found() -> None:
    canaries = Canaries()
    canaries.plant(SECRET)
    assert canaries.search([("a log", f"{SECRET[:-1]} and {json.dumps(SECRET[1:])}")]) == []
    assert min(map(len, forms(SECRET))) >= 12


def test_each_planted_secret_is_another_one() -> None:
    canaries = Canaries()
    assert canaries.plant() != canaries.plant()


def test_a_secret_too_short_to_be_found_for_sure_is_refused() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Canaries().plant("pw")


def test_files_of_the_test_are_searched_and_those_that_may_hold_it_are_not(tmp_path: Path) -> None:
    canaries = Canaries()
    secret = canaries.plant()
    (tmp_path / "deep").mkdir()
    log, mounted = tmp_path / "deep" / "operator.log", tmp_path / "mounted"
    log.write_text(f"calling with {secret}")
    mounted.write_bytes(b"\xff\x00" + secret.encode())
    canaries.allow(log)
    with pytest.raises(Leaks, match="mounted"):
        canaries.check(tmp_path, [], None, "")
    canaries.allow(mounted)
    canaries.check(tmp_path, [], None, "")


_TESTS = """
import logging, sys
def test_stdout(canaries): print(canaries.plant())
def test_stderr(canaries): sys.stderr.write(canaries.plant())
def test_log(canaries): logging.warning(canaries.plant())
def test_file(canaries, tmp_path): (tmp_path / "status").write_text(canaries.plant())
def test_kept(canaries): canaries.plant()
def test_nothing(): print("nothing planted")
"""


def test_every_test_ends_with_the_search(
    pytester: pytest.Pytester, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    pytester.makeconftest('pytest_plugins = ["tests.support.canaries"]')
    pytester.makepyfile(_TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6, errors=4)
    for name, place in (("stdout", "captured stdout of call"), ("stderr", "captured stderr of call")):
        result.stdout.fnmatch_lines([f"*ERROR at teardown of test_{name}*", f"*stands in: {place}"])
    for name, place in (("log", "captured *log of call"), ("file", "*/status")):
        result.stdout.fnmatch_lines([f"*ERROR at teardown of test_{name}*", f"*stands in: {place}"])
