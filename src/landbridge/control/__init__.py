"""One pure function per action: from a snapshot and a command to changes and a reply."""
