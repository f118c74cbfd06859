"""Of the client library of Kubernetes only what is used is loaded, so that a verb does not wait for the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {token: t}}]
"""
GET = """
import sys
from plimsoll.cli.getting import _tell
from plimsoll.cli.main import run

try:
    run()
except SystemExit as end:
    _tell((), everywhere=False)
    print(end.code, *sys.modules)
"""
UNUSED_PART = """
import sys
import plimsoll.cluster.login
import kubernetes

print("requests" in sys.modules, kubernetes.config.load_kube_config.__name__, "requests" in sys.modules)
"""


def python(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_verb_that_asks_a_cluster_loads_no_second_http_client_and_no_rules(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    code, *loaded = python(GET, "--kubeconfig", tmp_path / "config", "get")
    assert code == "6"
    assert "kubernetes.aio.config.kube_config" in loaded
    slow = {"requests", "urllib3", "oauthlib", "kopf", "plimsoll.api.modelconfig", "plimsoll.api.rules"}
    assert slow.isdisjoint(loaded)


def test_a_part_that_is_not_used_is_there_for_whoever_touches_it() -> None:
    assert python(UNUSED_PART) == ["False", "load_kube_config", "True"]
