"""Builds the images under images/ on any Linux machine, with or without a registry, and loads them into a cluster."""
