"""`plimsoll size`, and `plimsoll check --size`, for files that lie here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.fake_cluster import FakeCluster
from tests.support.gguf_maker import Shape, model, write_sparse
from tests.support.model_configs import SAMPLES, Object, base, model_config
from tests.support.model_server import model_server, own_address

SEVEN = Shape(32, 4096, 11008, 32, 32, vocabulary=32000, context=4096)
CONFIGURATION = "images: {plimsoll: p:1, llamacpp: l:1}\nprofiles: [{name: l4, gpu: {memory: 24Gi}}, {name: cpu}]\n"
SIZING = {"parts": [{"name": "weights", "bytes": 1024, "why": "small"}], "totalBytes": 1024, "memoryLimit": "1Ki"}


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 7 billion parameters, as far as its header goes."""
    path = tmp_path_factory.mktemp("models") / "seven.gguf"
    write_sparse(path, model(SEVEN))
    return path


def test_the_parts_of_a_gguf_file_add_up(plimsoll: Command, seven: Path) -> None:
    answered = plimsoll("size", seven, "-o", "json")
    assert answered.code == 0
    assert sum(part["bytes"] for part in answered.data["parts"]) == answered.data["totalBytes"]
    assert 4e9 < answered.data["totalBytes"] < 8e9


def test_people_see_each_part_with_its_reason(plimsoll: Command, seven: Path) -> None:
    output = plimsoll("size", seven).output
    assert "weights   3.8 GiB     32 layers, token table and output as Q4_K_M\n" in output
    assert "memory limit 6862Mi" in output


def test_twice_the_tokens_take_twice_the_cache(plimsoll: Command, seven: Path) -> None:
    def cache(*options: object) -> int:
        parts = plimsoll("size", seven, "-o", "json", *options).data["parts"]
        return next(int(part["bytes"]) for part in parts if part["name"] == "kvCache")

    assert cache("--tokens", 8192) == 2 * cache()
    assert cache("--parallel", 3) == 3 * cache()


def test_what_does_not_fit_is_told_with_its_numbers_and_code_1(plimsoll: Command, seven: Path) -> None:
    answered = plimsoll("size", seven, "--memory", "6Gi")
    assert answered.code == 1
    assert "6.7 GiB > limit 6.0 GiB; context 2560 would fit" in answered.output


def test_a_fallback_is_sized_too(plimsoll: Command, seven: Path, tmp_path: Path) -> None:
    (tmp_path / "operator.yaml").write_text(CONFIGURATION)
    sample = SAMPLES / "gpu-with-fallback.yaml"
    answered = plimsoll("size", sample, "--header", seven, "--config", tmp_path / "operator.yaml", "-o", "yaml")
    assert answered.data["hardware"] == "l4"
    assert answered.data["gpuLayers"] == 33
    assert answered.data["fallback"]["hardware"] == "cpu"


def test_a_profile_that_is_not_known_here_points_to_the_configuration(plimsoll: Command, seven: Path) -> None:
    answered = plimsoll("size", SAMPLES / "gpu-with-fallback.yaml", "--header", seven)
    assert answered.code == 1
    assert "--config" in answered.output


def test_a_claim_needs_a_file_that_lies_here(plimsoll: Command) -> None:
    answered = plimsoll("size", SAMPLES / "from-a-claim.yaml")
    assert answered.code == 2
    assert "--header" in answered.errors


def test_a_file_that_is_no_model_says_so(plimsoll: Command, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_text("<html>not found</html>")
    answered = plimsoll("size", file)
    assert answered.code == 1
    assert answered.output.startswith(f"{file}: NotAModel\n")


def test_a_model_of_a_provider_has_no_size(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster(model_config(base("external")))
    for subject in (SAMPLES / "external.yaml", "chat"):
        answered = plimsoll("size", subject)
        assert answered.code == 2
        assert "hosted by a provider" in answered.errors


def test_a_name_shows_what_the_operator_computed(plimsoll: Command, cluster: FakeCluster) -> None:
    cluster({**model_config(base("hosted")), "status": {"sizing": SIZING, "hardware": "cpu"}})
    answered = plimsoll("size", "chat", "-o", "json")
    assert answered.data["subject"] == "default/chat"
    assert answered.data["totalBytes"] == 1024


def test_a_name_without_sizes_tells_what_it_waits_for(plimsoll: Command, cluster: FakeCluster) -> None:
    ready: Object = {"type": "Ready", "status": "False", "reason": "SecretMissing", "message": "no Secret hub"}
    cluster({**model_config(base("hosted")), "status": {"conditions": [ready]}})
    answered = plimsoll("size", "chat")
    assert answered.code == 3
    assert "no Secret hub" in answered.errors


def test_a_sized_object_is_not_sized_again_with_other_settings(plimsoll: Command, cluster: FakeCluster) -> None:
    assert plimsoll("size", "chat", "--tokens", 512).code == 2


def test_check_with_size_refuses_what_does_not_fit(plimsoll: Command, seven: Path) -> None:
    small = model_config({**base("hosted"), "resources": {"limits": {"memory": "6Gi"}}})
    answered = plimsoll("check", "-", "--size", "--header", seven, "-o", "json", given=json.dumps(small))
    assert answered.code == 1
    assert answered.data["documents"][0]["size"]["trouble"]["reason"] == "DoesNotFit"


def test_check_with_size_tells_the_sum(plimsoll: Command, seven: Path) -> None:
    given = json.dumps(model_config(base("hosted")))
    answered = plimsoll("check", "-", "--size", "--header", seven, given=given)
    assert answered.code == 0
    assert "fits on cpu: weights 3.8 GiB" in answered.output
    assert "= 6.7 GiB\n" in answered.output


def test_what_cannot_be_sized_does_not_hide_the_verdict(plimsoll: Command) -> None:
    answered = plimsoll("check", SAMPLES / "from-a-claim.yaml", SAMPLES / "external.yaml", "--size")
    assert answered.code == 6
    assert answered.output.count("is accepted") == 2
    assert "not sized: the weights lie on a volume that only pods see" in answered.output


def test_an_address_is_asked_for_its_first_bytes_only(plimsoll: Command, tmp_path: Path) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, which is never read from")
    with model_server(address) as server:
        url = server.add("/seven.gguf", model(SEVEN))
        config = tmp_path / "operator.yaml"
        config.write_text(f"{CONFIGURATION}sources: {{privateNetworks: [{address}/32]}}\n")
        answered = plimsoll("size", url, "--config", config, "-o", "json")
        assert answered.code == 0
        assert answered.data["subject"] == url
        assert 4e9 < answered.data["totalBytes"] < 8e9
        missing = plimsoll("size", f"{server.base}/nothing.gguf", "--config", config)
        assert (missing.code, missing.output.splitlines()[0].split(": ")[-1]) == (1, "SourceNotFound")


def test_this_machine_itself_is_never_asked_and_a_server_that_is_away_is_code_6(plimsoll: Command) -> None:
    answered = plimsoll("size", "http://127.0.0.1:9/model.gguf")
    assert answered.code == 1
    assert "AddressRefused" in answered.output
    assert "--config" in answered.output
    answered = plimsoll("size", "https://model.invalid/model.gguf")
    assert answered.code == 6
    assert "--header" in answered.errors
