"""Everything that speaks to Kubernetes, and the only room that knows how."""
