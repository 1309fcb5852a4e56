"""From a snapshot and the learned routes to every object one host should have."""
