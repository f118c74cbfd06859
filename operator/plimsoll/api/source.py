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
        description='Name of a Secret here, labelled plimsoll.dev/credential: "true"; `hosts` in it lists where it may'
        " be sent. Example: hub-token."
    )


class HuggingFaceSource(Contract):
    repository: str = Field(
        description="Owner and name of the repository. Example: Qwen/Qwen2.5-7B-Instruct-GGUF.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=200,
    )
    file: FilePath | None = Field(
        default=None,
        description="The GGUF file in the repository, of a split model the first part. Without it the whole "
        "repository, as vllm wants it. Example: qwen2.5-7b-q4_k_m.gguf.",
    )
    revision: str = Field(
        default="main",
        description="Branch, tag or commit; a branch is resolved to its commit when a revision is accepted.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        max_length=200,
    )
    endpoint: BaseUrl = Field(
        default="https://huggingface.co",
        description="Address of the hub, or of a mirror of it. Example: https://hub.example.com.",
    )


class HttpSource(Contract):
    url: Url = Field(
        description="Address of the file, of a split model that of the first part. Example: "
        "https://models.example.com/tiny.gguf."
    )


class S3Source(Contract):
    bucket: str = Field(
        description="Name of the bucket that holds the weights. Example: team-models.",
        pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
        min_length=3,
        max_length=63,
    )
    key: FilePath = Field(
        description="Key of the GGUF file, or a prefix that ends with / for vllm. Example: llama/8b-q4_k_m.gguf."
    )
    endpoint: BaseUrl = Field(
        default="https://s3.amazonaws.com",
        description="Address of an S3 service other than Amazon's. Example: https://minio.storage.svc:9000.",
    )
    region: str = Field(
        default="us-east-1",
        description="Region that requests are signed for, where it counts.",
        pattern=r"^[a-z0-9-]+$",
        max_length=64,
    )


class ClaimSource(Contract):
    claim_name: ObjectName = Field(
        description="Name of a persistent volume claim here, mounted read-only. Example: weights."
    )
    path: FilePath = Field(
        description="Path in the volume to the GGUF file, or to a folder for vllm. Example: llama/8b-q4_k_m.gguf."
    )


class ImageSource(Contract):
    image: str = Field(
        description="Image with the weights, by its digest; nodes pull and mount it. "
        "Example: registry.example.com/tiny@sha256:9f86…",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$",
        max_length=500,
    )
    path: FilePath = Field(
        description="Path in the image to the GGUF file, or to a folder for vllm. Example: model.gguf."
    )


class Source(Contract):
    """Exactly one of the places, and how what comes from there is checked."""

    hugging_face: HuggingFaceSource | None = Field(
        default=None, description="Weights from a repository of the Hugging Face hub or of a mirror."
    )
    http: HttpSource | None = Field(default=None, description="Weights from any web server, by their address.")
    s3: S3Source | None = Field(default=None, description="Weights from a bucket of an S3 service.")
    pvc: ClaimSource | None = Field(default=None, description="Weights that lie on a persistent volume already.")
    oci: ImageSource | None = Field(
        default=None,
        description="Weights packed as an OCI image, mounted as a volume. Needs Kubernetes 1.35 or newer.",
    )
    sha256: str | None = Field(
        default=None,
        description="SHA-256 of the file, as `sha256sum` prints it. Without it the file is taken as it comes.",
        pattern="^[0-9a-f]{64}$",
        max_length=64,
    )
    credential: Credential | None = Field(
        default=None, description="The Secret that opens a private source. Without it the source is read anonymously."
    )

    @property
    def mounted(self) -> ClaimSource | ImageSource | None:
        """Where the weights lie when the cluster brings them as a volume; None when a pod has to fetch them."""
        return self.pvc or self.oci
