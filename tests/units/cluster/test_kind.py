"""The kind backend: what it asks of the command, told by a `kind` that only notes it."""

import json
from pathlib import Path

import pytest
import yaml

from tests.units.cluster.conftest import Programs, Told
from tools.cluster.errors import ClusterError
from tools.cluster.instance import identity_of
from tools.cluster.kind import KindCluster, configuration

IDENTITY = f"plimsoll-{identity_of('test')}"
KIND = """
echo "$KUBECONFIG" >> {folder}/kind.kubeconfigs
touch {folder}/clusters
case "$1 $2" in
"get clusters") cat {folder}/clusters ;;
"get nodes") printf 'control-plane\\nworker\\n' ;;
"create cluster") echo {identity} >> {folder}/clusters ;;
"delete cluster") : > {folder}/clusters ;;
"export logs") mkdir -p "$3/worker"; printf 'one\\ntwo\\nthree\\n' > "$3/worker/kubelet.log" ;;
esac
"""


@pytest.fixture
def kind(only_programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "of-the-user"))
    only_programs.put("kind", KIND.format(folder=only_programs.folder, identity=IDENTITY))
    return only_programs


@pytest.fixture
def cluster(kind: Programs, told: Told) -> KindCluster:
    return KindCluster("test", 3, told)


def test_up_creates_once_with_names_and_files_of_its_own(kind: Programs, cluster: KindCluster) -> None:
    cluster.up()
    cluster.up()
    names = f"--name={IDENTITY} --config={cluster.folder / 'kind.json'} --kubeconfig={cluster.kubeconfig}"
    assert kind.calls("kind") == [
        "get clusters",
        f"create cluster {names} --wait=120s",
        "get clusters",
    ]
    assert json.loads((cluster.folder / "kind.json").read_text()) == configuration(3)


def test_the_kubeconfig_of_the_user_is_never_shown_to_kind(
    kind: Programs, cluster: KindCluster, tmp_path: Path
) -> None:
    cluster.up()
    cluster.down()
    assert set((kind.folder / "kind.kubeconfigs").read_text().splitlines()) == {""}
    assert not (tmp_path / "of-the-user").exists()


@pytest.mark.parametrize(("nodes", "roles"), [(1, ["control-plane"]), (3, ["control-plane", "worker", "worker"])])
def test_the_configuration_has_as_many_nodes_as_asked_for(nodes: int, roles: list[str]) -> None:
    config = yaml.safe_load(json.dumps(configuration(nodes)))
    assert (config["kind"], config["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert [node["role"] for node in config["nodes"]] == roles


def test_archives_are_loaded_one_by_one(kind: Programs, cluster: KindCluster) -> None:
    cluster.load([Path("one.tar"), Path("two.tar")])
    assert kind.calls("kind") == [f"load image-archive {name}.tar --name={IDENTITY}" for name in ("one", "two")]


def test_status_lists_the_nodes_of_a_cluster_that_is_there(cluster: KindCluster) -> None:
    assert cluster.status().components == ()
    cluster.up()
    status = cluster.status()
    assert status.healthy
    assert [each.name for each in status.components] == ["control-plane", "worker"]


def test_logs_are_those_of_the_component_and_only_their_end(cluster: KindCluster) -> None:
    assert cluster.logs("kubelet", lines=2) == "==> worker/kubelet.log <==\ntwo\nthree"
    with pytest.raises(ClusterError, match="'helm' has no log in test; all logs are in "):
        cluster.logs("helm")


def test_down_removes_cluster_and_folder_also_twice(kind: Programs, cluster: KindCluster) -> None:
    cluster.up()
    for _ in range(2):
        cluster.down()
        assert not cluster.folder.exists()
        assert kind.calls("kind")[-1] == f"delete cluster --name={IDENTITY} --kubeconfig={cluster.kubeconfig}"


def test_a_failure_is_told_in_the_words_of_kind(kind: Programs, cluster: KindCluster) -> None:
    kind.put("kind", 'case "$1" in create) echo "ERROR: no space left" >&2; exit 1 ;; esac')
    with pytest.raises(ClusterError, match=r"^kind create cluster .* failed: ERROR: no space left$"):
        cluster.up()


def test_a_kind_that_is_gone_is_a_clear_error(kind: Programs, cluster: KindCluster) -> None:
    (kind.folder / "kind").unlink()
    with pytest.raises(ClusterError, match=r"kind get clusters failed: .*No such file"):
        cluster.status()


def test_kubectl_is_the_one_on_the_path_with_the_clusters_own_kubeconfig(kind: Programs, cluster: KindCluster) -> None:
    with pytest.raises(ClusterError, match="kubectl is not on the PATH"):
        cluster.kubectl("get", "pods")
    kind.put("kubectl", 'echo "found"; cat')
    assert cluster.kubectl("apply", "-f", "-", stdin="manifest") == "found\nmanifest"
    cache = cluster.folder / "kubectl-cache"
    assert kind.calls("kubectl") == [f"--kubeconfig={cluster.kubeconfig} --cache-dir={cache} apply -f -"]
    kind.put("kubectl", "echo 'the server says no' >&2; exit 1")
    with pytest.raises(ClusterError, match="kubectl get pods failed: the server says no"):
        cluster.kubectl("get", "pods")
