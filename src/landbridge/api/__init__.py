"""The doors: SigV4, EC2's wire formats and the admin API in front of one list of handlers."""
