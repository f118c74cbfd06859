"""The gateway: one OpenAI-compatible URL for every model, with the policy of the revision that serves."""
