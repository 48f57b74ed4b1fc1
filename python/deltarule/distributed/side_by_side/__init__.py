"""Many networks, each trained whole on one of several machines."""
