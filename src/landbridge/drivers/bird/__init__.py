"""BIRD 2: BGP, BFD and learned routes of one router; its configuration is rendered, its control socket is spoken to."""
