"""Secrets in every place where a call through the gateway may carry one, each of which must be found nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from plimsoll.api.plain_key import PREFIX_LENGTH, RANDOM_BYTES, hash_of, make_key
from tests.support.canaries import Canaries
from tests.support.traffic.heard import Heard


@dataclass(frozen=True)
class GatewaySecrets:
    """`key` is of a caller and `stranger` one that nobody knows; `provider` is what the gateway shows a provider."""

    canaries: Canaries
    key: str
    stranger: str
    provider: str
    system_prompt: str
    prompt: str
    answer: str
    header: str
    query: str
    field: str

    @property
    def key_hash(self) -> str:
        """As a ModelKey has it."""
        return hash_of(self.key.encode())

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of a call, beside its key: names that others use for keys, and one of their own."""
        return {"x-api-key": self.header, "cookie": f"session={self.header}", "x-tried": self.header}

    @property
    def path_end(self) -> str:
        """For any path: some clients put keys into addresses."""
        return f"?api_key={quote(self.query, safe='')}"

    @property
    def fields(self) -> Mapping[str, str]:
        """Of the body; `user` often is a person."""
        return {"user": self.field, "no_such_field": self.field}

    def heard(self, place: str, answer: Heard | str) -> None:
        """What callers were told; an answer may say what the model said and nothing else."""
        if isinstance(answer, Heard):
            told = [str(answer.headers), str(answer.error), answer.trouble]
            answer = "\n".join([*told, *(text.replace(self.answer, "") for text in answer.texts.values())])
        self.canaries.hear(place, answer)


def planted(canaries: Canaries) -> GatewaySecrets:
    key, stranger = (canaries.plant(_a_key()) for _ in range(2))
    # In a header no quotation mark and no blank is sure to come through, so these are plain.
    header, query = (canaries.plant(f"canary-{secrets.token_hex(16)}") for _ in range(2))
    return GatewaySecrets(
        canaries,
        key=key,
        stranger=stranger,
        provider=canaries.plant(f"sk-{secrets.token_hex(24)}"),
        system_prompt=canaries.plant(),
        prompt=canaries.plant(),
        answer=canaries.plant(),
        header=header,
        query=query,
        field=canaries.plant(),
    )


def _a_key() -> str:
    return make_key(secrets.token_hex(PREFIX_LENGTH // 2), secrets.token_bytes(RANDOM_BYTES))


@pytest.fixture
def gateway_secrets(canaries: Canaries) -> GatewaySecrets:
    """The end of the test looks for all of them in its files and its output, and in what was `heard`.

    Files whose business a secret is are allowed one by one: the routing document, the journal of an upstream.
    """
    return planted(canaries)
