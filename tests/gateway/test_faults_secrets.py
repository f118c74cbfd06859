"""G-26: whatever is secret in a call, and whatever goes wrong with it, it is told to nobody and written nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from plimsoll.routing.document import Document, Down, Endpoint, Hosted, Provider, Served, Timeouts, Version
from plimsoll.routing.entry import Secret
from plimsoll.routing.limits import Limits
from plimsoll.routing.policy import Prompt
from tests.support.counting_upstream.process import CountingUpstream, StartUpstream
from tests.support.counting_upstream.script import HEAD, WORDS, Script, Trouble
from tests.support.gateway_secrets import GatewaySecrets
from tests.support.gateways import GatewayProcess, StartGateway
from tests.support.routing_documents import digest_of, document, key, model, served
from tests.support.traffic.question import COMPLETIONS, Question, Wanted, chat

SHORT = Timeouts(connect=2.0, first_byte=1.0, idle=1.0, total=1.0)
CLIPPED = 3
# What goes wrong, and with which status the words come.
TROUBLES: dict[str, Script] = {
    "nothing": Script(),
    **{
        f"in a stream: {trouble}": Script(trouble=trouble, at=2)
        for trouble in Trouble
        if trouble is not Trouble.NOT_HTTP
    },
    **{f"at once: {trouble}": Script(trouble=trouble, at=HEAD) for trouble in (Trouble.RESET, Trouble.NOT_HTTP)},
    **{f"status {status}": Script(status=status) for status in (400, 401, 403, 404, 422, 429, 500, 503)},
    "a page": Script(body=b"<html>", content_type="text/html"),
}


def provided(upstream: CountingUpstream, secrets: GatewaySecrets) -> Served:
    provider = Provider(base_url=upstream.base, credential=Secret(secrets.provider))
    return served(backend="openai-compatible", upstream=provider, on_disconnect="drain", **private(secrets))


def private(secrets: GatewaySecrets) -> dict[str, Any]:
    prompt = Prompt(role="tester", system=secrets.system_prompt, lock_system=True, answer_prefix="")
    return {"prompt": prompt, "timeouts": SHORT}


def routed(upstream: CountingUpstream, secrets: GatewaySecrets, sequence: int = 1) -> Document:
    pod = Hosted(endpoints=(Endpoint(name="pod-0", address=upstream.address),), service="")
    gone = Hosted(endpoints=(Endpoint(name="gone", address="127.0.0.1:9"),), service="")
    models = [
        # One for each trouble: who failed is left alone for a while.
        *(model(f"team-a/provided-{at}", provided(upstream, secrets)) for at, _ in enumerate(TROUBLES)),
        *(model(f"team-a/hosted-{at}", served(upstream=pod, **private(secrets))) for at, _ in enumerate(TROUBLES)),
        model("team-a/gone", served(upstream=gone, **private(secrets))),
        model("team-a/down", Down(reason="ImagePullFailed", message="the image cannot be pulled")),
        model("team-a/full", served(upstream=pod, limits=Limits(requests=1), **private(secrets))),
    ]
    version = Version(epoch=1, sequence=sequence)
    return document(*models, keys={digest_of(secrets.key): key()}, version=version)


def scripted(script: Script, repeated: str, secrets: GatewaySecrets) -> Script:
    """A backend that repeats what it was sent, as some do in their errors."""
    return Script(
        **{
            **{name: getattr(script, name) for name in script.__struct_fields__},
            "words": (secrets.answer, *WORDS),
            "message": f"wrong: {repeated}",
            "headers": (("x-upstream-says", secrets.provider),),
        }
    )


def questions(secrets: GatewaySecrets, name: str) -> Iterator[Question]:
    usual: dict[str, Any] = {"key": secrets.key, "headers": secrets.headers}
    # A field that nobody knows cannot be sent where a prompt is locked.
    body = chat(name, secrets.prompt, user=secrets.field)
    whole, wanted = {**body, "stream": False}, Wanted("")
    streaming = {**body, "stream": True}
    path = f"/v1/chat/completions{secrets.path_end}"
    yield Question(whole, wanted, path=path, **usual)
    yield Question(streaming, wanted, path=path, **usual)
    yield Question(streaming, wanted, path=path, leave_after=1, **usual)


def refused(secrets: GatewaySecrets) -> Iterator[Question]:
    usual: dict[str, Any] = {"key": secrets.key, "headers": secrets.headers}
    body, wanted = chat("provided-0", secrets.prompt, **secrets.fields), Wanted("")
    yield Question(body, wanted, key=secrets.stranger, headers=secrets.headers)
    yield Question(body, wanted, path=f"/v1/nothing{secrets.path_end}", **usual)
    yield Question(body, wanted, path=f"/v1/models/nobody{secrets.path_end}", **usual)
    yield Question({**body, "temperature": [secrets.field]}, wanted, **usual)
    yield Question({**body, "messages": [{"role": "user", "content": {"x": secrets.prompt}}]}, wanted, **usual)
    yield Question({**body, "instructions": secrets.prompt}, wanted, **usual)
    yield Question({"model": "provided-0", "prompt": secrets.prompt, "echo": True}, wanted, path=COMPLETIONS, **usual)
    for name in ("gone", "down", "full", "full"):
        yield Question(chat(name, secrets.prompt), wanted, **usual)


def heard(gateway: GatewayProcess, asked: list[Question], secrets: GatewaySecrets) -> None:
    async def ask() -> None:
        callers = gateway.callers()
        for number, question in enumerate(asked):
            found = await callers.ask(question)
            assert found.status or found.left, found.trouble
            secrets.heard(f"answer {number} to {question.path.partition('?')[0]}", found)
        callers.close()

    asyncio.run(ask())


def test_g26_no_secret_of_a_call_is_found_anywhere(
    start_gateway: StartGateway, start_upstream: StartUpstream, gateway_secrets: GatewaySecrets
) -> None:
    secrets, upstream = gateway_secrets, start_upstream("openai")
    gateway = start_gateway(routed(upstream, secrets), "--provider-networks=127.0.0.0/8")
    for at, script in enumerate(TROUBLES.values()):
        for kind, repeated in (("provided", secrets.provider), ("hosted", secrets.system_prompt)):
            upstream.script(scripted(script, repeated, secrets))
            heard(gateway, list(questions(secrets, f"{kind}-{at}")), secrets)
    heard(gateway, list(refused(secrets)), secrets)
    for content in (b"{", b'{"message":"document","schema":99}'):
        gateway.place(content)
    gateway.route(routed(upstream, secrets, sequence=2))
    for path in ("/metrics", "/health", "/ready"):
        secrets.heard(path, gateway.get(path)[1])
    assert gateway.end() == 0
    # That there was something to be found.
    assert any(secrets.provider in (each.header("authorization") or "") for each in upstream.requests())
    assert any(secrets.prompt.encode()[:6] in each.begun.body for each in upstream.requests())
    assert len(gateway.records()) > len(TROUBLES)
    gateway.wait_requests(len(TROUBLES))
