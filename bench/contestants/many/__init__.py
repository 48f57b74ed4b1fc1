"""Many networks on the same rows, a contestant a module; see ``contestants`` for their interface."""
