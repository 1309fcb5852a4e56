"""A whole hybrid network on one machine, built through the API like any other."""
