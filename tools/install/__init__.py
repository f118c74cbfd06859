"""Puts operator and gateway on a cluster and takes them away again: `make install`, `make uninstall`."""
