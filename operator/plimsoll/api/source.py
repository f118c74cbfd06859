"""spec.source: where the weights of a model that we host come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from plimsoll.api.contract import SAFE_PATH_PATTERN, Contract, ObjectName

Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s#]*$", max_length=2048)]
BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$", max_length=1024)]
FilePath = Annotated[str, Field(pattern=SAFE_PATH_PATTERN, max_length=1024)]


class Credential(Contract):
    secret_name: ObjectName = Field(
        description="Name of a Secret in the namespace of this object that carries the label "
        'plimsoll.dev/credential: "true" and lists in its data field `hosts` where it may be sent. Example: hub-token.'
    )


class HuggingFaceSource(Contract):
    repository: str = Field(
        description="Owner and name of the repository. Example: Qwen/Qwen2.5-7B-Instruct-GGUF.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=200,
    )
    file: FilePath | None = Field(
        default=None,
        description="The GGUF file inside the repository, for a split model its first part. "
        "Without it the whole repository is taken, as vllm wants it. Example: qwen2.5-7b-instruct-q4_k_m.gguf.",
    )
    revision: str = Field(
        default="main",
        description="Branch, tag or commit. A branch is resolved to its commit once, when a revision is accepted; "
        "a commit of 40 hexadecimal digits never moves.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        max_length=200,
    )
    endpoint: BaseUrl = Field(
        default="https://huggingface.co",
        description="Address of the hub, for those who run a mirror of it. Example: https://hub.example.com.",
    )


class HttpSource(Contract):
    url: Url = Field(
        description="Address of the file; for a split model the address of its first part. "
        "Example: https://models.example.com/tiny-q8_0.gguf."
    )


class S3Source(Contract):
    bucket: str = Field(
        description="Name of the bucket that holds the weights. Example: team-models.",
        pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
        min_length=3,
        max_length=63,
    )
    key: FilePath = Field(
        description="Key of the GGUF file, or a prefix that ends with / for a folder, as vllm wants it. "
        "Example: llama/8b-q4_k_m.gguf."
    )
    endpoint: BaseUrl = Field(
        default="https://s3.amazonaws.com",
        description="Address of the S3 service, for those who do not use Amazon's. "
        "Example: https://minio.storage.svc:9000.",
    )
    region: str = Field(
        default="us-east-1",
        description="Region that requests are signed for; most other services accept the default.",
        pattern=r"^[a-z0-9-]+$",
        max_length=64,
    )


class ClaimSource(Contract):
    claim_name: ObjectName = Field(
        description="Name of a persistent volume claim in the namespace of this object; it is mounted read-only. "
        "Example: weights."
    )
    path: FilePath = Field(
        description="Path from the root of the volume to the GGUF file, or to a folder for vllm. "
        "Example: llama/8b-q4_k_m.gguf."
    )


class Source(Contract):
    """Exactly one of the places, and how what comes from there is checked."""

    hugging_face: HuggingFaceSource | None = Field(
        default=None, description="Weights from a repository of the Hugging Face hub or of a mirror."
    )
    http: HttpSource | None = Field(default=None, description="Weights from any web server, by their address.")
    s3: S3Source | None = Field(default=None, description="Weights from a bucket of an S3 service.")
    pvc: ClaimSource | None = Field(
        default=None, description="Weights that lie on a persistent volume already, so that nothing is downloaded."
    )
    sha256: str | None = Field(
        default=None,
        description="SHA-256 of the file, 64 lower-case hexadecimal digits, as `sha256sum` prints it. "
        "Without it the file is taken as it comes.",
        pattern="^[0-9a-f]{64}$",
        max_length=64,
    )
    credential: Credential | None = Field(
        default=None, description="The Secret that opens a private source. Without it the source is read anonymously."
    )
