"""How .venv is made from nothing but python3."""

import tomllib

import pytest

from tools import bootstrap


def test_an_old_python_is_refused_with_the_way_to_name_another() -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"python3 is 3\.10\.12.*make PYTHON="):
        bootstrap.refuse_old_python((3, 10, 12))


def test_the_oldest_python_that_is_supported_is_accepted() -> None:
    bootstrap.refuse_old_python((3, 11, 0))


def test_the_uv_that_pip_fetches_is_the_one_that_pyproject_pins() -> None:
    groups = tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pinned, hashes = bootstrap.pinned_uv(tomllib.loads((bootstrap.ROOT / "uv.lock").read_text()))
    assert f"uv=={pinned}" in groups["tools"]
    assert hashes
    assert all(value.startswith("sha256:") for value in hashes)


def test_uv_works_on_the_checkout_s_own_environment_whatever_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "elsewhere")
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", "elsewhere")
    environment = bootstrap.environment()
    assert "VIRTUAL_ENV" not in environment
    assert environment["UV_PROJECT_ENVIRONMENT"] == str(bootstrap.VENV)


def test_uv_trusts_the_system_s_certificates_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    assert bootstrap.environment()["UV_SYSTEM_CERTS"] == "1"
    monkeypatch.setenv("UV_SYSTEM_CERTS", "0")
    assert bootstrap.environment()["UV_SYSTEM_CERTS"] == "0"


def test_a_step_that_fails_tells_what_to_do_and_what_the_command_said() -> None:
    with pytest.raises(bootstrap.BootstrapError, match="pip failed: check the network") as raised:
        bootstrap.run("pip", "check the network", "sh", "-c", "echo no route; exit 1")
    assert str(raised.value).endswith("It said:\nno route")


def test_a_program_that_is_not_there_has_no_output() -> None:
    assert bootstrap.output_of(bootstrap.ROOT / "nowhere") == ""
