"""nftables: one table of ours per namespace, rendered from values and replaced as a whole."""
