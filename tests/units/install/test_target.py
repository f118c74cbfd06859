"""Which cluster an installation goes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.cluster.progress import Silent
from tools.install import __main__ as program
from tools.install import target
from tools.install.errors import InstallError

KUBECTL = """\
#!/bin/sh
[ "$1" = config ] && echo "of $KUBECONFIG" && exit
echo "the server is away" >&2
exit 1
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_kubeconfig_of_the_environment_is_named_with_its_context(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "mine")
    chosen = target.choose("", Silent())
    assert (chosen.words, chosen.name) == ("the cluster of KUBECONFIG, context of mine", "")


def test_what_kubectl_says_when_it_fails_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "mine")
    with pytest.raises(InstallError, match="kubectl get nodes failed: the server is away"):
        target.choose("", Silent()).kubectl("get", "nodes")


def test_a_cluster_that_was_named_wins_over_the_kubeconfig(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "mine")
    with pytest.raises(InstallError, match="There is no cluster 'demo' here: `make cluster CLUSTER=demo` starts it"):
        target.choose("demo", Silent())


def test_without_either_the_cluster_of_tests_is_meant_and_never_a_kubeconfig_of_the_home_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(InstallError, match=r"There is no cluster 'test' here.*or set KUBECONFIG"):
        target.choose("", Silent())


def test_the_command_ends_with_one_line_and_not_with_a_traceback(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert program.main(["install"]) == 1
    assert capsys.readouterr().err.startswith("install: There is no cluster 'test' here")


def test_one_namespace_and_every_namespace_cannot_both_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["install", "--everywhere", "--namespace", "red"])
    assert "not allowed with argument" in capsys.readouterr().err
