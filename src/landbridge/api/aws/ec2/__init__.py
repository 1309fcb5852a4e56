"""The EC2 door: one module per subject, each with its actions: wire parameters -> command, reply -> wire reply."""
