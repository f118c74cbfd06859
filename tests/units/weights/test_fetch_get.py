"""`plimsoll fetch get` as the container runs it: exit codes, last words, a full disk, and no word of a secret."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from plimsoll.api import termination
from plimsoll.api.reasons import Reason
from plimsoll.cli.exits import code_of
from plimsoll.cli.main import app
from plimsoll.errors import UserError
from plimsoll.plan.weights_cache import key_of
from tests.support.fetching import files_in, whole
from tests.support.gguf_maker import Made
from tests.support.model_server import Content, ModelServer, without_ranges

TOKEN = "canary-token-0123456789"


@pytest.fixture
def content(tiny: Made) -> Content:
    return whole(tiny, 8 << 20)


def arguments(server: ModelServer, url: str, to: Path, *more: str) -> list[str]:
    source = json.dumps({"http": {"url": url}})
    return [
        *("fetch", "get", f"--source={source}", f"--to={to}", f"--private-network={server.host}/32"),
        *(f"--words={to.parent / 'words'}", *more),
    ]


def run(*given: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(given))
    return answer.exit_code, answer.output


def test_it_ends_with_0_and_says_how_far_it_is(server: ModelServer, content: Content, tmp_path: Path) -> None:
    code, output = run(*arguments(server, server.add("/x.gguf", content), tmp_path / "m"))
    assert (code, files_in(tmp_path / "m")) == (0, ["x.gguf"])
    assert output.startswith("fetch: downloading 8 MiB")
    assert output.endswith("fetch: all files are here, and have been checked\n")


def test_it_ends_with_the_code_and_the_last_words_of_its_reason(server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / "words").touch()
    code, _ = run(*arguments(server, f"{server.base}/none.gguf?key=hidden", tmp_path / "m"))
    told = termination.decode((tmp_path / "words").read_text(), code)
    assert code == termination.EXIT_CODES[Reason.SOURCE_NOT_FOUND]
    assert told.reason is Reason.SOURCE_NOT_FOUND
    assert "hidden" not in (tmp_path / "words").read_text()


def test_the_secret_is_read_as_the_kubelet_mounts_it_and_told_nowhere(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    mounted, data = tmp_path / "credential", tmp_path / "credential" / "..2026"
    data.mkdir(parents=True)
    for name, value in (("token", f"{TOKEN}\n"), ("hosts", server.host)):
        (data / name).write_text(value)
        (mounted / name).symlink_to(Path("..2026") / name)
    url = server.add("/x.gguf", content)
    code, output = run(*arguments(server, url, tmp_path / "m", f"--credential={mounted}"))
    assert (code, server.asked[0].headers["authorization"]) == (0, f"Bearer {TOKEN}")
    assert TOKEN not in output
    assert not any(TOKEN.encode() in path.read_bytes() for path in (tmp_path / "m").rglob("*") if path.is_file())


def test_files_of_a_cache_can_be_written_by_the_group_of_the_volume(
    server: ModelServer, content: Content, tmp_path: Path
) -> None:
    before = os.umask(0o022)
    try:
        run(*arguments(server, server.add("/x.gguf", content), tmp_path / "m"))
    finally:
        os.umask(before)
    ours = [tmp_path / "m", *(tmp_path / "m").rglob("*")]
    assert all(path.stat().st_mode & 0o060 == 0o060 for path in ours)


def refused(tmp_path: Path, **changed: str) -> str:
    """What is told of a command line that is a wrong one by the contract, with the code that it ends with."""
    given = {"source": '{"http": {"url": "https://example.com/x"}}', "to": str(tmp_path / "m"), **changed}
    answer = CliRunner().invoke(app, ["fetch", "get", *(f"--{name}={value}" for name, value in given.items())])
    assert isinstance(answer.exception, UserError)
    assert code_of(answer.exception) == 2
    assert not (tmp_path / "m").exists()
    return f"{answer.exception.message}\n{answer.exception.fix}"


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({}, "spec.source: "),
        ([], "spec.source: "),
        ({"http": {"url": "https://h/x"}, "s3": {"bucket": "abc", "key": "x"}}, "spec.source: "),
        ({"http": {}}, "spec.source.http.url: "),
        ({"http": {"url": "ftp://h/x?key=hidden"}}, "spec.source.http.url: "),
        ({"http": {"url": "https://h/x?key=hidden"}, "sha256": "hidden"}, "spec.source.sha256: "),
        ({"s3": {"bucket": "abc", "key": "/hidden"}}, "spec.source.s3.key: "),
        ({"huggingFace": {"repository": "a/b", "revison": "hidden"}}, "spec.source.huggingFace.revison: "),
    ],
)
def test_a_source_that_cannot_be_so_ends_with_2_and_the_name_of_the_field_that_is_wrong(
    source: object, field: str, tmp_path: Path
) -> None:
    told = refused(tmp_path, source=json.dumps(source))
    assert told.startswith(field)
    assert "ModelConfig" in told
    assert "hidden" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("source", "{"), ("source", "[" * 100_000)),
        *(("kept-at", "yesterday"), ("kept-at", "2026-11-21T12:00:00")),
        ("private-network", "10.0.0.0/99"),
    ],
)
def test_an_argument_that_means_nothing_ends_with_2_and_its_name(name: str, value: str, tmp_path: Path) -> None:
    assert refused(tmp_path, **{name: value}).startswith(f"--{name}")


@pytest.mark.parametrize(
    "place",
    [
        {"pvc": {"claimName": "weights", "path": "x.gguf"}},
        {"oci": {"image": f"x/y@sha256:{'0' * 64}", "path": "x.gguf"}},
    ],
)
def test_what_is_mounted_is_not_fetched_and_nothing_is_touched(place: dict[str, Any], tmp_path: Path) -> None:
    assert "only what lies on a server is fetched" in refused(tmp_path, source=json.dumps(place))


def test_the_name_of_a_folder_in_a_cache_is_the_one_of_the_contract() -> None:
    assert key_of('{"http":{"url":"https://x/y.gguf"}}', "etag:a") == "a95ef7997c7f59288cb16e39f523bf26"
    assert key_of("a", None) == key_of("a", "") != key_of("a", "b")


def ended(given: list[str], *before: str, **more: Any) -> int:
    command = [*before, str(Path(sys.executable).with_name("plimsoll")), *given]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, **more).returncode


def test_a_file_system_that_takes_no_more_is_a_full_disk(server: ModelServer, content: Content, tmp_path: Path) -> None:
    (tmp_path / "words").touch()
    given = arguments(server, server.add("/x.gguf", content), tmp_path / "m")
    most = content.size // 2
    code = ended(given, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    told = termination.decode((tmp_path / "words").read_text(), code)
    assert (code, told.reason) == (termination.EXIT_CODES[Reason.DISK_FULL], Reason.DISK_FULL)
    assert files_in(tmp_path / "m") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
@pytest.mark.parametrize("known", [True, False])
def test_a_small_volume_is_told_with_both_numbers(
    known: bool, server: ModelServer, content: Content, tmp_path: Path
) -> None:
    (tmp_path / "words").touch()
    (tmp_path / "m").mkdir()
    url = server.add("/x.gguf", content)
    if not known:
        server.routes["/x.gguf"] = without_ranges(content, length=False)
    folder = tmp_path / "m"
    mount = f'mount -t tmpfs -o size=2m none {folder} && "$@"; code=$?; ls {folder} > {tmp_path}/left; exit $code'
    code = ended(arguments(server, url, tmp_path / "m"), "unshare", "--mount", "sh", "-c", mount, "sh")
    told = termination.decode((tmp_path / "words").read_text(), code)
    assert (code, told.reason) == (termination.EXIT_CODES[Reason.DISK_FULL], Reason.DISK_FULL), told
    assert (tmp_path / "left").read_text() == ""
    if known:
        assert "has room for 2 MiB, and the files take 8 MiB more" in told.message
