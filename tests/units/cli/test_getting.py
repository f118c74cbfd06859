"""`plimsoll get`, and what a cluster can answer instead."""

from __future__ import annotations

import re
import sys

import pytest

from plimsoll.api.columns import COLUMNS
from plimsoll.cluster.errors import ClusterError, Conflict, Forbidden, NotFound, Refused, Unauthorized, Unavailable
from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.model_configs import base, model_config
from tests.support.simulated import Simulated


def test_the_columns_are_those_of_kubectl(plimsoll: Command, cluster: FakeCluster) -> None:
    world = Simulated()
    world.settle(20)
    cluster.show(world)
    titles, row = plimsoll("get").output.splitlines()
    assert titles.split() == ["NAME", *(name.upper() for name, _, _ in COLUMNS)]
    assert row.split()[:3] == ["chat", "True", "Serving"]
    assert "http://plimsoll-gateway.plimsoll-system.svc/v1" in row


@pytest.mark.parametrize("width", [70, 100, 150, 400])
def test_on_a_terminal_a_model_is_one_line_and_the_end_of_its_name_is_shown(
    plimsoll: Command, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    world = Simulated()
    world.settle(20)
    cluster.show(world)
    whole = plimsoll("get").output
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    titles, row = re.sub(r"\x1b\[\d*m", "", plimsoll("get").output).splitlines()
    assert len(row) <= width
    model = whole.splitlines()[1].split()[3]
    assert model[-10:] in row
    assert ("URL" in titles) is (width > 100)
    assert {"NAME", "READY", "REASON", "MODEL", "REVISION", "AGE"} <= set(titles.split())


def test_everywhere_each_row_has_its_namespace(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_config(base("hosted"), "b", "team-b"), model_config(base("hosted"), "a", "team-a"))
    _, first, second = plimsoll("get", "-A").output.splitlines()
    assert first.split()[:3] == ["team-a", "a", "-"]
    assert second.split()[:2] == ["team-b", "b"]
    assert plimsoll("get", "-n", "team-b", "-o", "name").output == "modelconfig.plimsoll.dev/b\n"


def test_names_choose(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(*(model_config(base("hosted"), name) for name in "abc"))
    found = plimsoll("get", "a", "c", "-o", "json").data["items"]
    assert [each["name"] for each in found] == ["a", "c"]


def test_an_empty_namespace_is_no_error_and_no_row(plimsoll: Command, cluster: FakeCluster) -> None:
    answered = plimsoll("get")
    assert (answered.code, answered.output) == (0, "")
    assert "plimsoll get -A" in answered.errors
    assert plimsoll("get", "-o", "json").data == {"items": []}


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (NotFound('modelconfigs.plimsoll.dev "chat" not found'), 3, "plimsoll get -A"),
        (NotFound('namespaces "team" not found'), 3, "kubectl create namespace"),
        (NotFound("the API server answered 404"), 6, "plimsoll crds | kubectl apply"),
        (Unavailable("GET /apis: Connect call failed"), 6, "the cluster does not answer: GET /apis"),
        (Forbidden("may not", "list", "modelconfigs"), 6, "allow `list` on `modelconfigs`"),
        (Unauthorized("Unauthorized"), 6, "log in again"),
        (Refused("a policy says no"), 6, "a policy says no"),
        (Conflict("somebody was faster"), 6, "run this again"),
    ],
    ids=["no object", "no namespace", "no definition", "away", "no right", "no login", "refused", "moved on"],
)
def test_what_the_cluster_says_no_with_is_told_in_words_and_a_code(
    plimsoll: Command, cluster: FakeCluster, trouble: ClusterError, code: int, words: str
) -> None:
    cluster.trouble = trouble
    answered = plimsoll("get", "chat")
    assert answered.code == code
    assert words in answered.errors
    assert answered.output == ""


def test_a_kubeconfig_that_is_not_there_is_named(plimsoll: Command) -> None:
    answered = plimsoll("get", "--kubeconfig", "/nowhere/config")
    assert answered.code == 6
    assert answered.errors.startswith("plimsoll: there is no file /nowhere/config\n")


def test_a_server_that_is_not_there_is_told_in_words(
    plimsoll: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("kube") / "config"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\nusers: [{name: u, user: {token: t}}]\n"
        "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    answered = plimsoll("get", "--kubeconfig", file)
    assert answered.code == 6
    assert "the cluster does not answer" in answered.errors
