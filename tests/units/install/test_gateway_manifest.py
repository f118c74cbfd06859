"""The gateway as it is installed: what it mounts, whom it may speak to, and how long it may take to end."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import yaml

from plimsoll.gateway.settings import Drain
from plimsoll.ledger.files import FOLDER
from plimsoll.plan.children import network_policy
from tests.support.rendering import existing, fixed_configuration
from tools.install.installing import ROOT

Object = dict[str, Any]

BASE = ROOT / "manifests" / "base"
OBJECTS = {each["kind"]: each for each in yaml.safe_load_all((BASE / "gateway.yaml").read_text())}
DEPLOYMENT = OBJECTS["Deployment"]
TEMPLATE = DEPLOYMENT["spec"]["template"]
POD = TEMPLATE["spec"]
[CONTAINER] = POD["containers"]
ARGUMENTS = dict(each.removeprefix("--").split("=", 1) for each in CONTAINER["args"][1:])
MOUNTS = {each["name"]: each["mountPath"] for each in CONTAINER["volumeMounts"]}


def volume(name: str) -> Object:
    return next(each for each in POD["volumes"] if each["name"] == name)


def mebibytes(quantity: str) -> int:
    return int(quantity.removesuffix("Mi"))


def test_its_end_is_waited_for_longer_than_it_may_take() -> None:
    # As long as nothing else is said on its command line.
    assert not {"goodbye-seconds", "drain-seconds"} & set(ARGUMENTS)
    assert POD["terminationGracePeriodSeconds"] > Drain().goodbye + Drain().finish + 10


def test_a_roll_out_never_has_fewer_gateways_than_before() -> None:
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_everything_that_it_reads_may_come_later_but_its_token() -> None:
    sources = [*volume("operator")["projected"]["sources"], *volume("copy")["projected"]["sources"]]
    named = [source.get("configMap") or source.get("secret") for source in sources]
    assert [each["optional"] for each in named if each] == [True] * 9
    [token] = [source["serviceAccountToken"] for source in sources if "serviceAccountToken" in source]
    assert token["audience"] == "plimsoll-routing"


def test_the_command_line_takes_its_options() -> None:
    # What is unknown is refused before anything is helped with.
    command = [sys.executable, "-m", "plimsoll", *CONTAINER["args"], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_its_options_name_the_files_that_are_mounted() -> None:
    operator = MOUNTS["operator"]
    assert ARGUMENTS["operator-ca"] == f"{operator}/ca.crt"
    assert ARGUMENTS["operator-token"] == f"{operator}/token"
    assert ARGUMENTS["copy"] == MOUNTS["copy"]
    assert ARGUMENTS["records"] == MOUNTS["records"] == str(FOLDER)


def test_each_piece_of_the_copy_is_a_file_of_its_own() -> None:
    pieces = [source["secret"] for source in volume("copy")["projected"]["sources"]]
    assert [(each["name"], each["items"]) for each in pieces] == [
        (f"plimsoll-routing-copy-{number}", [{"key": "piece", "path": f"piece-{number}"}]) for number in range(8)
    ]


def test_its_volumes_are_bounded_and_its_node_has_room_for_them() -> None:
    empty = [each["emptyDir"]["sizeLimit"] for each in POD["volumes"] if "emptyDir" in each]
    assert sum(map(mebibytes, empty)) == mebibytes(CONTAINER["resources"]["requests"]["ephemeral-storage"])
    # What the journal keeps to by itself.
    assert mebibytes(volume("records")["emptyDir"]["sizeLimit"]) > 1024


def test_nothing_in_it_speaks_to_the_api_server() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert OBJECTS["ServiceAccount"]["automountServiceAccountToken"] is False
    assert "plimsoll-gateway" not in "".join(path.read_text() for path in BASE.glob("rights*.yaml"))


def test_everything_selects_its_pods_and_no_others() -> None:
    labels = {"app.kubernetes.io/name": "plimsoll", "app.kubernetes.io/component": "gateway"}
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert labels.items() <= TEMPLATE["metadata"]["labels"].items()


def test_it_may_speak_to_models_wherever_they_are_and_never_to_an_address_of_credentials() -> None:
    of_models = network_policy(existing({}, "chat"), fixed_configuration())["spec"]
    of_gateways = OBJECTS["NetworkPolicy"]["spec"]["egress"]

    def without(spec: list[Object]) -> list[Object]:
        return [peer["ipBlock"] for rule in spec for peer in rule.get("to", []) if "ipBlock" in peer]

    assert without(of_gateways) == without(of_models["egress"])
    [reached] = [rule for rule in of_gateways if any("namespaceSelector" in peer for peer in rule.get("to", []))]
    assert reached["ports"] == of_models["ingress"][0]["ports"]
    assert reached["to"][0]["podSelector"]["matchExpressions"][0]["key"] in of_models["podSelector"]["matchLabels"]


def test_a_model_lets_the_gateway_in() -> None:
    [peer] = network_policy(existing({}, "chat"), fixed_configuration())["spec"]["ingress"][0]["from"]
    labels = TEMPLATE["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    [rule] = peer["podSelector"]["matchExpressions"]
    assert labels[rule["key"]] in rule["values"]
