"""What an installation is made of: said, else as it was, else the default."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.said_kubectl import SaidKubectl
from tools.install.errors import InstallError
from tools.install.settings import Asked, Settings, engine_image, installed, settle

DEFAULT = "images:\n  plimsoll: plimsoll\n"
BUILT = "localhost/plimsoll/plimsoll:0123456789ab"
ENGINE = "localhost/plimsoll/engine:0123456789ab"
HERE = {"plimsoll": BUILT}
BOTH = {"plimsoll": BUILT, "engine": ENGINE}
BEFORE = Settings("registry.example.com/plimsoll:1", "images: {plimsoll: 'registry.example.com/plimsoll:1'}\n", ("a",))


def image_in(settings: Settings) -> str:
    return str(yaml.safe_load(settings.configuration)["images"]["plimsoll"])


def test_a_first_installation_takes_the_image_that_was_built_and_serves_every_namespace() -> None:
    settled = settle(Asked(), None, HERE, DEFAULT)
    assert (settled.image, image_in(settled), settled.namespaces) == (BUILT, BUILT, ())


def test_an_image_that_was_named_is_taken_before_the_one_that_was_built() -> None:
    settled = settle(Asked(image="registry.example.com/plimsoll:2"), None, HERE, DEFAULT)
    assert settled.image == image_in(settled) == "registry.example.com/plimsoll:2"


def test_without_any_image_the_way_to_one_is_told() -> None:
    with pytest.raises(InstallError, match="`make images` builds it, or name one with --image"):
        settle(Asked(), None, {}, DEFAULT)


def test_another_image_leaves_configuration_and_namespaces_as_they_are() -> None:
    before = Settings(BEFORE.image, BEFORE.configuration + "history: 7\n", BEFORE.namespaces)
    settled = settle(Asked(), before, HERE, DEFAULT)
    assert yaml.safe_load(settled.configuration) == {"images": {"plimsoll": BUILT}, "history": 7}
    assert settled.namespaces == ("a",)


def test_an_image_of_the_configuration_that_was_never_the_operators_stays() -> None:
    before = Settings(BEFORE.image, "images: {plimsoll: mirror.example.com/plimsoll:1}\n")
    assert image_in(settle(Asked(), before, HERE, DEFAULT)) == "mirror.example.com/plimsoll:1"


def test_everywhere_is_said_and_never_slipped_into() -> None:
    assert settle(Asked(namespaces=()), BEFORE, HERE, DEFAULT).namespaces == ()
    assert settle(Asked(), BEFORE, HERE, DEFAULT).namespaces == ("a",)
    assert settle(Asked(namespaces=("b", "c")), BEFORE, HERE, DEFAULT).namespaces == ("b", "c")


def test_a_configuration_of_ones_own_keeps_its_very_text_when_it_names_the_image(tmp_path: Path) -> None:
    own = tmp_path / "operator.yaml"
    own.write_text("# ours\nimages: {plimsoll: registry.example.com/plimsoll:1}\n")
    assert settle(Asked(configuration=own), BEFORE, HERE, DEFAULT).configuration == own.read_text()


def test_a_configuration_of_ones_own_without_an_image_gets_the_operators(tmp_path: Path) -> None:
    own = tmp_path / "operator.yaml"
    own.write_text("history: 5\n")
    settled = settle(Asked(configuration=own), None, HERE, DEFAULT)
    assert yaml.safe_load(settled.configuration) == {"history": 5, "images": {"plimsoll": BUILT}}


def engine_in(settings: Settings) -> str | None:
    return engine_image(settings.configuration)


def test_models_are_served_with_the_engine_that_was_built() -> None:
    settled = settle(Asked(), None, BOTH, DEFAULT)
    assert (image_in(settled), engine_in(settled)) == (BUILT, ENGINE)
    assert engine_in(settle(Asked(), None, HERE, DEFAULT)) is None


def test_a_newer_engine_takes_the_place_of_one_that_was_built_here_and_of_no_other() -> None:
    def after(engine: str) -> str | None:
        before = Settings(BEFORE.image, f"images: {{plimsoll: '{BEFORE.image}', llamacpp: '{engine}'}}\n")
        return engine_in(settle(Asked(), before, BOTH, DEFAULT))

    assert after("localhost/plimsoll/engine:ba9876543210") == ENGINE
    assert after("registry.example.com/engine:1") == "registry.example.com/engine:1"


def test_whoever_names_an_image_of_a_registry_gets_no_engine_that_is_only_here() -> None:
    settled = settle(Asked(image="registry.example.com/plimsoll:2"), None, BOTH, DEFAULT)
    assert engine_in(settled) is None


def test_a_configuration_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"none\.yaml cannot be read: No such file"):
        settle(Asked(configuration=tmp_path / "none.yaml"), None, HERE, DEFAULT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is no YAML"),
        ("- a\n", "of type list and not a mapping"),
        ("history: 1\n", r"history is 1: .*2"),
        ("histroy: 7\n", "histroy"),
    ],
)
def test_a_configuration_that_the_operator_would_refuse_never_reaches_the_cluster(
    tmp_path: Path, text: str, words: str
) -> None:
    own = tmp_path / "operator.yaml"
    own.write_text(text)
    with pytest.raises(InstallError, match=words):
        settle(Asked(configuration=own), None, HERE, DEFAULT)


def test_what_is_installed_is_read_from_the_deployment_and_the_config_map() -> None:
    container = {"image": BUILT, "args": ["operator", "--config=/x.yaml", "--namespace=a", "--namespace=b"]}
    kubectl = SaidKubectl(
        {
            "get deployment plimsoll-operator": {"spec": {"template": {"spec": {"containers": [container]}}}},
            "get configmap plimsoll-operator": {"data": {"configuration.yaml": DEFAULT}},
            "get deployment plimsoll-gateway": {"spec": {"replicas": 3}},
        }
    )
    assert installed(kubectl) == Settings(BUILT, DEFAULT, ("a", "b"), 3)


def test_an_installation_without_a_gateway_is_one_from_before_there_were_any() -> None:
    operator = {"spec": {"template": {"spec": {"containers": [{"image": BUILT}]}}}}
    kubectl = SaidKubectl({"get deployment plimsoll-operator": operator, "get": ""})
    assert installed(kubectl) == Settings(BUILT, "", (), None)


@pytest.mark.parametrize(("asked", "before", "gateways"), [(None, None, None), (None, 5, 5), (3, 5, 3), (0, None, 0)])
def test_gateways_are_as_many_as_was_said_or_as_there_are(
    asked: int | None, before: int | None, gateways: int | None
) -> None:
    there = Settings(BEFORE.image, BEFORE.configuration, gateways=before)
    assert settle(Asked(gateways=asked), there, HERE, DEFAULT).gateways == gateways


def test_nothing_is_installed_where_there_is_no_deployment() -> None:
    assert installed(SaidKubectl({"get deployment plimsoll-operator": ""})) is None
