"""The contract with users: what they may write, what we answer, and the words for both; no I/O, no clock."""
