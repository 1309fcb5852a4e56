"""The admin API: what EC2's API lacks, as JSON over HTTP on a Unix socket of the state folder."""
