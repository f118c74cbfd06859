"""What builds, runs and checks Plimsoll on a developer's machine; nothing here ships."""
