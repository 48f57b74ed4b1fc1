"""Many networks on the same rows, a contestant a module; the interface is in ``contestants``."""
