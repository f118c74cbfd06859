"""Puts the operator on a cluster and takes it away again: `make install`, `make uninstall`."""
