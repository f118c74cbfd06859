"""What the owner of a model wants of requests, as pure functions of a request and the policy that is served."""
