"""Work on what strangers wrote, in a process of its own that may be lost: bounded in time, memory, files and answer."""
