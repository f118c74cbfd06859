"""What can go wrong with an installation, in words that say what to do."""

from __future__ import annotations

from tools.cluster.errors import ClusterError


class InstallError(ClusterError):
    """Plimsoll cannot be installed or removed as asked; the message says why and what to do."""
