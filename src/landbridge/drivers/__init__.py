"""The only places that touch the kernel, the daemons and processes."""
