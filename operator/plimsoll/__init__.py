"""Language models on Kubernetes: declared in Git, served behind one URL, held under a budget."""
