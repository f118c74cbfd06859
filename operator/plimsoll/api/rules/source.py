"""Rules for spec.source and spec.external: where a model comes from and who may see its credential."""

from __future__ import annotations

import re

from plimsoll.api.external import KNOWN_PROVIDERS
from plimsoll.api.rules.rule import Node, Rule, find, given

_KINDS = ("huggingFace", "http", "s3", "pvc", "oci")
_UPWARDS = "(^|/)[.][.](/|$)"
_WITH_USER = "^https?://[^/?]*@"
_PART = "-[0-9]{5}-of-[0-9]{5}[.]gguf"
_DIGEST = "@sha256:[0-9a-f]{64}$"
_CALL_PATH = "/(chat/completions|completions|embeddings|models|messages|responses)/?$"
_ONE_FILE_PATHS = ("huggingFace.file", "http.url", "s3.key", "pvc.path")


def _encrypted(url: str | None) -> bool:
    return url is None or url.startswith("https://")


def _one_file(source: Node) -> bool:
    if "sha256" not in source:
        return True
    whole_repository = "huggingFace" in source and "file" not in source["huggingFace"]
    return not whole_repository and not str(find(source, "s3.key") or "").endswith("/")


def _not_a_part(source: Node) -> bool:
    paths = (find(source, path) for path in _ONE_FILE_PATHS)
    return "sha256" not in source or not any(path and re.search(_PART, path) for path in paths)


def _hidden_credential(source: Node) -> bool:
    if "credential" not in source:
        return True
    return _encrypted(find(source, "http.url")) and _encrypted(find(source, "huggingFace.endpoint"))


def _without_user(name: str, at: str) -> Rule:
    return Rule(
        name=name,
        at=at,
        cel=f"!self.matches('{_WITH_USER}')",
        holds=lambda url: not re.search(_WITH_USER, url),
        message="everyone could read the password in this address: name a Secret in credential instead",
    )


def _inside(name: str, at: str) -> Rule:
    return Rule(
        name=name,
        at=at,
        cel=f"!self.matches('{_UPWARDS}')",
        holds=lambda path: not re.search(_UPWARDS, path),
        message="the path contains `..`: write it from the root, without steps upwards",
    )


SOURCE_RULES = (
    Rule(
        name="one-source",
        at="spec.source",
        cel="[" + ", ".join(f"has(self.{kind})" for kind in _KINDS) + "].exists_one(given, given)",
        holds=lambda source: sum(kind in source for kind in _KINDS) == 1,
        message="a model has exactly one source: keep one of huggingFace, http, s3, pvc and oci",
    ),
    Rule(
        name="sha256-of-one-file",
        at="spec.source",
        field=".sha256",
        cel="!has(self.sha256) || ((!has(self.huggingFace) || has(self.huggingFace.file))"
        " && (!has(self.s3) || !self.s3.key.endsWith('/')))",
        holds=_one_file,
        message="sha256 belongs to one file, and this source is a folder: remove sha256 (a commit in "
        "huggingFace.revision pins every file) or name one file",
    ),
    Rule(
        name="sha256-not-of-parts",
        at="spec.source",
        field=".sha256",
        cel=f"!has(self.sha256) || !{given(_ONE_FILE_PATHS)}.exists(name, name.matches('{_PART}'))",
        holds=_not_a_part,
        message="sha256 belongs to one file, and this model is split into parts: "
        "remove sha256, or join the parts into one file",
    ),
    Rule(
        name="plain-http-needs-sha256",
        at="spec.source",
        cel="!has(self.http) || self.http.url.startsWith('https://') || has(self.sha256)",
        holds=lambda source: _encrypted(find(source, "http.url")) or "sha256" in source,
        message="without encryption anyone on the way could change the weights: use https, or give sha256",
    ),
    Rule(
        name="source-credential-needs-https",
        at="spec.source",
        field=".credential",
        cel="!has(self.credential) || ((!has(self.http) || self.http.url.startsWith('https://'))"
        " && (!has(self.huggingFace) || self.huggingFace.endpoint.startsWith('https://')))",
        holds=_hidden_credential,
        message="a credential would be sent without encryption: use an https address, or remove credential",
    ),
    Rule(
        name="claim-needs-no-credential",
        at="spec.source",
        field=".credential",
        cel="!has(self.credential) || !has(self.pvc)",
        holds=lambda source: "credential" not in source or "pvc" not in source,
        message="a persistent volume claim is opened by the cluster and needs no credential: remove credential",
    ),
    Rule(
        name="model-image-has-digest",
        at="spec.source.oci.image",
        cel=f"self.matches('{_DIGEST}')",
        holds=lambda image: re.search(_DIGEST, image) is not None,
        message="a tag may move to other weights: end the image with @sha256: and its digest, "
        "which `crane digest IMAGE` prints",
    ),
    Rule(
        name="model-image-needs-no-more",
        at="spec.source",
        field=".oci",
        cel="!has(self.oci) || !(has(self.credential) || has(self.sha256))",
        holds=lambda source: "oci" not in source or not {"credential", "sha256"} & set(source),
        message="nodes pull the image and check its digest: remove sha256, and instead of credential name the "
        "registry's Secret in podTemplate.spec.imagePullSecrets",
    ),
    _inside("repository-path-inside", "spec.source.huggingFace.file"),
    _inside("claim-path-inside", "spec.source.pvc.path"),
    _inside("image-path-inside", "spec.source.oci.path"),
    _without_user("url-without-password", "spec.source.http.url"),
    _without_user("hub-without-password", "spec.source.huggingFace.endpoint"),
    _without_user("s3-without-password", "spec.source.s3.endpoint"),
)


_KNOWN = "self.provider in [" + ", ".join(f"'{name}'" for name in KNOWN_PROVIDERS) + "]"

EXTERNAL_RULES = (
    Rule(
        name="base-url-where-needed",
        at="spec.external",
        cel=f"{_KNOWN} || has(self.baseURL)",
        holds=lambda external: external["provider"] in KNOWN_PROVIDERS or "baseURL" in external,
        message="this provider has no address that is the same for all: set baseURL to that of your endpoint",
    ),
    Rule(
        name="base-url-of-known-provider",
        at="spec.external",
        field=".baseURL",
        cel=f"!({_KNOWN}) || !has(self.baseURL)",
        holds=lambda external: external["provider"] not in KNOWN_PROVIDERS or "baseURL" not in external,
        message="the provider's own address is known: remove baseURL, or set provider to openai-compatible",
    ),
    Rule(
        name="provider-needs-credential",
        at="spec.external",
        cel=f"!({_KNOWN}) || has(self.credential)",
        holds=lambda external: external["provider"] not in KNOWN_PROVIDERS or "credential" in external,
        message="this provider answers nobody without a key: name the Secret that holds it in credential.secretName",
    ),
    Rule(
        name="provider-credential-needs-https",
        at="spec.external",
        field=".credential",
        cel="!has(self.credential) || !has(self.baseURL) || self.baseURL.startsWith('https://')",
        holds=lambda external: "credential" not in external or _encrypted(external.get("baseURL")),
        message="the provider's key would be sent without encryption: use an https baseURL, or remove credential",
    ),
    Rule(
        name="base-url-is-the-base",
        at="spec.external.baseURL",
        cel=f"!self.matches('{_CALL_PATH}')",
        holds=lambda url: not re.search(_CALL_PATH, url),
        message="baseURL ends with the path of a call, which is appended anyway: cut it off, often after /v1",
    ),
    _without_user("base-url-without-password", "spec.external.baseURL"),
)
