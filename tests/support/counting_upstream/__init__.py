"""A backend that is played: a process that answers each request as its script says, and counts what it has sent."""
