"""The difference between desired and actual as a plan of steps, and the loop that carries it out."""
