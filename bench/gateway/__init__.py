"""The gateway beside a bare pass-through and LiteLLM."""
