"""Whether gateways have heard of a key: they do within seconds, and until then they would refuse it."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

from tools.demo.commands import Commands
from tools.demo.errors import DemoFailed

_SECONDS = 60.0


def wait_for_the_key(commands: Commands, model: str) -> None:
    """Until the key in the environment may call this model."""
    began, url = time.monotonic(), commands.environment["OPENAI_BASE_URL"]
    while (why := _against(url, commands.environment["OPENAI_API_KEY"], model)) is not None:
        passed = time.monotonic() - began
        if passed >= _SECONDS:
            raise DemoFailed(
                f"A gateway does not take the new key for {model} after {passed:.0f} s: {why}.",
                "plimsoll key list --all-namespaces",
            )
        commands.terminal.waiting(f"gateways hear of the key: {why}", passed)
        time.sleep(commands.terminal.pause)


def _against(url: str, key: str, model: str) -> str | None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("GET", f"{address.path}/models", headers={"authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        return f"its answer is {answer.status}"
    return None if model in [each["id"] for each in json.loads(said)["data"]] else f"it does not list {model}"
