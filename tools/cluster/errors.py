"""What can go wrong with a cluster, in words that name the component and the way out."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message says why and what to do."""


class HostUnfit(ClusterError):
    """This machine lacks something; nothing was changed."""


class ComponentFailed(ClusterError):
    """A component ended or never became ready."""

    def __init__(self, component: str, what: str, log: str, tail: str = "") -> None:
        self.component = component
        text = f"{component}: {what}. Its log: {log}"
        super().__init__(f"{text}\n{tail}" if tail else text)
