"""Plimsoll: language models on Kubernetes, declared, versioned, priced and held under a budget."""
