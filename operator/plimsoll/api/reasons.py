"""The one list of reasons: what a condition, an Event or a termination message may give, each with its fix."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why something is as it is. Shared by the operator, fetch and engine, so that one fault has one name."""

    meaning: str
    fix: str
    # True: no waiting heals it, somebody has to change something.
    needs_change: bool

    def __new__(cls, name: str, meaning: str, fix: str = "", needs_change: bool = False) -> Self:
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason.meaning = meaning
        reason.fix = fix
        reason.needs_change = needs_change
        return reason

    # As it should be.
    SERVING = "Serving", "The newest accepted revision answers calls as declared."
    AT_ZERO = "AtZero", "The model is declared with 0 replicas and therefore runs no pod."
    ACCEPTED = "Accepted", "The spec is valid and counts; that of a model is recorded as a revision."
    ON_DECLARED_HARDWARE = "OnDeclaredHardware", "The model runs on the hardware profile that its spec names."
    ALL_REPLICAS = "AllReplicas", "As many replicas are ready as are declared."
    DEFAULTS_CURRENT = "DefaultsCurrent", "The revision was made with the defaults that are in force now."
    NAMES_FREE = "NamesFree", "Every object that the model needs is ours or could be made."
    SETTLED = "Settled", "Nothing is being changed."
    OPEN = "Open", "The key opens what it names."

    # On the way; waiting is right.
    SIZING = "Sizing", "The header of the model is being read to learn what the model needs."
    SCHEDULING = "Scheduling", "The pods wait for a node."
    STARTING = "Starting", "A node prepares the pod: its image, its volumes and its network."
    DOWNLOADING = "Downloading", "The weights are being fetched and verified."
    LOADING = "Loading", "The engine is loading the weights."
    PROVING = "Proving", "The engine is up and has to answer a first request before it takes calls."
    REVISION_STARTING = "RevisionStarting", "A newer revision starts; the one before it keeps serving."
    RESTORED = "Restored", "An object of the model was deleted or changed by hand, and is as it was."
    DRAINING = "Draining", "An old workload finishes its requests before it stops."
    FEWER_REPLICAS = (
        "FewerReplicas",
        "The model serves, but with fewer replicas than declared.",
        "Look at the pods that are not ready: `kubectl get pods -l plimsoll.dev/modelconfig=NAME`.",
    )

    # Waiting may heal it, but somebody should know.
    ACCELERATOR_UNAVAILABLE = (
        "AcceleratorUnavailable",
        "No accelerator could be scheduled in time, so the model runs on the fallback profile.",
        "It returns by itself. If slower answers will not do, free or add a node of the profile.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "No node can take the pod.",
        "Free or add a node with what the message lists, lower spec.resources or let spec.hardware.fallback take over.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "A quota of the namespace does not leave room for the pod.",
        "Raise the ResourceQuota or lower spec.resources or spec.scaling.replicas.",
    )
    SOURCE_UNREACHABLE = (
        "SourceUnreachable",
        "The server that holds the weights did not answer.",
        "Check the address, the network policy and the proxy; it is tried again by itself.",
    )
    DOWNLOAD_FAILED = (
        "DownloadFailed",
        "The weights could not be fetched completely.",
        "Check the server and the network; the download resumes by itself where it stopped.",
    )
    EVICTED = (
        "Evicted",
        "A node ran short of something and put the pod out, or could not take it in.",
        "Look at what the node was short of in the message; the pod is replaced by itself where there is room.",
    )
    NODE_LOST = (
        "NodeLost",
        "The node that the pod runs on does not answer.",
        "Repair the node or remove it from the cluster; the pod is replaced by itself after some minutes.",
    )
    POD_NOT_STARTED = (
        "PodNotStarted",
        "A node has not made the volumes or the network of the pod ready for a minute.",
        "Read the events of the pod: `kubectl describe pod NAME`; most often a Secret or claim is missing.",
    )
    PROFILE_UNKNOWN = (
        "ProfileUnknown",
        "The operator's configuration has no hardware profile of that name.",
        "Use one of the profiles in the message, or have the platform team add this one.",
        True,
    )
    PROFILE_UNSUITABLE = (
        "ProfileUnsuitable",
        "The hardware profile cannot do what the spec asks of it.",
        "Choose a profile that suits in spec.hardware, or leave out what the message names.",
        True,
    )
    IMAGE_UNKNOWN = (
        "ImageUnknown",
        "Nobody says which image the engine runs from.",
        "Set spec.engine.image, or have the platform team name an image for this engine.",
        True,
    )
    DEFAULTS_DIFFER = (
        "DefaultsDiffer",
        "The operator's defaults changed after this revision was made; the revision keeps the old ones.",
        "Nothing has to be done: pods keep what they have, and the next edit of the spec takes these defaults.",
    )

    # Somebody has to change something.
    INVALID_SPEC = (
        "InvalidSpec",
        "The spec breaks a rule of this version of the API.",
        "Change what the message names; `plimsoll check` shows it without a cluster.",
        True,
    )
    NAME_TAKEN = (
        "NameTaken",
        "An object that the model needs exists already and belongs to somebody else; it is left alone.",
        "Rename the ModelConfig, or move or delete the object in the message.",
        True,
    )
    REVISION_MISSING = (
        "RevisionMissing",
        "spec.pinRevision names a revision that is not in the history.",
        "Pin one that `plimsoll history` lists, or remove pinRevision.",
        True,
    )
    REVISION_FAILED = (
        "RevisionFailed",
        "The newest revision never became ready; the last good one keeps serving.",
        "Repair what the message says, or go back in Git; `plimsoll rollback` prints the patch.",
        True,
    )
    SECRET_MISSING = (
        "SecretMissing",
        "The Secret that the spec names is not in the namespace, or has no data of the expected key.",
        "Create it: sources need `token`, S3 `accessKeyId` and `secretAccessKey`, providers `apiKey`. It is noticed.",
        True,
    )
    SECRET_NOT_RELEASED = (
        "SecretNotReleased",
        "The Secret is not labelled as a credential for models, so it is not used.",
        'Let its owner label it: `kubectl label secret NAME plimsoll.dev/credential="true"`.',
        True,
    )
    HOST_NOT_ALLOWED = (
        "HostNotAllowed",
        "The Secret does not list the host that it would be sent to.",
        "Let the owner of the Secret add the host to its data field `hosts`, or correct the address.",
        True,
    )
    CLAIM_MISSING = (
        "ClaimMissing",
        "The persistent volume claim that the spec or the operator's configuration names is not in the namespace.",
        "Create the claim, or correct spec.source.pvc.claimName.",
        True,
    )
    IMAGE_VOLUME_UNSUPPORTED = (
        "ImageVolumeUnsupported",
        "This cluster does not mount images as volumes: it is too old, or its feature gate ImageVolume is off.",
        "Use Kubernetes 1.35 or newer, let the platform team switch the gate on, or name another spec.source than oci.",
        True,
    )
    RIGHT_MISSING = (
        "RightMissing",
        "The operator lacks a right that it needs for this model.",
        "Let the platform team add the verb in the message to the operator's role; it is tried again by itself.",
        True,
    )
    SOURCE_NOT_FOUND = (
        "SourceNotFound",
        "The server has no such file, repository or revision.",
        "Correct the name or the revision in spec.source.",
        True,
    )
    SOURCE_FORBIDDEN = (
        "SourceForbidden",
        "The server refuses to hand out the weights.",
        "Name a Secret with access in spec.source.credential, and accept the licence of the model if it has one.",
        True,
    )
    ADDRESS_REFUSED = (
        "AddressRefused",
        "The source leads to an address that the operator must not reach.",
        "Use a public address, or have the platform team allow this private network.",
        True,
    )
    NOT_A_MODEL = (
        "NotAModel",
        "The file is not a model that the engine can read.",
        "Point spec.source to a GGUF file for llamacpp, or to a repository with safetensors for vllm.",
        True,
    )
    MODEL_UNSUPPORTED = (
        "ModelUnsupported",
        "The engine does not know this architecture, or the operator cannot size it.",
        "Use another engine or engine.image, or give the sizes yourself in spec.resources.",
        True,
    )
    DOES_NOT_FIT = (
        "DoesNotFit",
        "The model needs more memory than it may have; the message lists each part.",
        "Lower context or parallel, choose a smaller quantisation, or raise spec.resources.limits.memory.",
        True,
    )
    CHECKSUM_MISMATCH = (
        "ChecksumMismatch",
        "The weights are not those that spec.source.sha256 names.",
        "Find out why the file changed; correct sha256 only if the new file is the one you want.",
        True,
    )
    DISK_FULL = (
        "DiskFull",
        "The volume for the weights is too small.",
        "Raise spec.resources.storage, or use a larger claim.",
        True,
    )
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "A node could not pull an image of the pod.",
        "Correct the image that is named, or name the registry's Secret in podTemplate.spec.imagePullSecrets.",
        True,
    )
    CONTAINER_REFUSED = (
        "ContainerRefused",
        "A node could not make or start a container of the pod; the message has its words.",
        "Create what the message names, or correct engine.image or spec.podTemplate.",
        True,
    )
    ADMISSION_REFUSED = (
        "AdmissionRefused",
        "The API server or a policy of the cluster refused an object; the message has its own words.",
        "Change what the message names, most often in spec.podTemplate.",
        True,
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        "The engine was killed because it used more memory than its limit.",
        "Raise spec.resources.limits.memory, or lower context or parallel.",
        True,
    )
    PROBE_FAILED = (
        "ProbeFailed",
        "The engine runs but does not answer its probes.",
        "Read the log of the engine: `kubectl logs -l plimsoll.dev/modelconfig=NAME -c engine`.",
        True,
    )
    PROOF_FAILED = (
        "ProofFailed",
        "The engine is up, but did not answer a first request, so it takes no calls.",
        "Read the log of the engine: `kubectl logs -l plimsoll.dev/modelconfig=NAME -c engine`.",
        True,
    )
    CRASH_LOOP = (
        "CrashLoop",
        "The engine ends again and again; the message has its last words.",
        "Read the log of the last run with `kubectl logs --previous`, then correct engine.image or engine.options.",
        True,
    )
    TEAM_NOT_ALLOWED = (
        "TeamNotAllowed",
        "The namespace of the key may not charge the team, so the key opens nothing.",
        "Name a team in spec.team that the message lists, or have the platform team add the namespace to the team.",
        True,
    )
    HASH_TAKEN = (
        "HashTaken",
        "Another ModelKey opens this hash already, and keeps it.",
        "Make a key of your own with `plimsoll key create`, or delete the ModelKey in the message.",
        True,
    )
    EXPIRED = (
        "Expired",
        "The time of the key is over, so it opens nothing.",
        "Set a later spec.expiresAt, or delete the ModelKey.",
        True,
    )
    SUSPENDED = (
        "Suspended",
        "The key is declared to open nothing for now.",
        "Set spec.suspended to false when it shall open again.",
        True,
    )
    DRIVER_MISSING = (
        "DriverMissing",
        "The engine found no working accelerator on its node.",
        "Install the driver and device plugin that the image needs on the nodes of the profile.",
        True,
    )
