"""The verbs that need no cluster, as a user types them."""
