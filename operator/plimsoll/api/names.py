"""Every name that others rely on: the API group, labels, the field manager, and how children are called."""

from __future__ import annotations

GROUP = "plimsoll.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

KIND = "ModelConfig"
KEY_KIND = "ModelKey"
PLURAL = "modelconfigs"
SINGULAR = "modelconfig"
SHORT_NAME = "mcfg"
CATEGORY = "plimsoll"

FIELD_MANAGER = "plimsoll-operator"

LABEL_MODELCONFIG = f"{GROUP}/modelconfig"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_WORKLOAD = f"{GROUP}/workload"
# On a Secret: its owner agrees that a ModelConfig may name it.
LABEL_CREDENTIAL = f"{GROUP}/credential"

ANNOTATION_AUTHOR = f"{GROUP}/author"
ANNOTATION_GIT_REVISION = f"{GROUP}/git-revision"
# On a child: hash of the object as it was wanted, so that a field that is wanted no longer is noticed.
ANNOTATION_INTENT = f"{GROUP}/intent"

# Labels and annotations that begin like these are ours; a pod template of a user may not set them.
RESERVED_PREFIXES = (f"{GROUP}/", "app.kubernetes.io/")

# Room for "-", a hash and what Kubernetes appends, within the 63 characters of a label.
LONGEST_NAME = 40
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
SHORT_HASH = 10


def short(digest: str) -> str:
    """The part of a hash that fits into a name."""
    return digest[:SHORT_HASH]


def workload_name(model: str, workload_hash: str) -> str:
    return f"{model}-{short(workload_hash)}"


def revision_name(model: str, number: int) -> str:
    return f"{model}-r{number}"


def common_labels(model: str, component: str) -> dict[str, str]:
    """What every child of a ModelConfig carries."""
    return {
        "app.kubernetes.io/name": "plimsoll",
        "app.kubernetes.io/instance": model,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": FIELD_MANAGER,
        "app.kubernetes.io/part-of": "plimsoll",
        LABEL_MODELCONFIG: model,
    }


def workload_labels(revision: int, workload_hash: str) -> dict[str, str]:
    """What the pods of one workload carry beside the common labels."""
    return {LABEL_REVISION: str(revision), LABEL_WORKLOAD: short(workload_hash)}
