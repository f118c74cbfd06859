"""The bench of the ground: how long a cluster takes, what it holds, how fast an image gets into it."""
