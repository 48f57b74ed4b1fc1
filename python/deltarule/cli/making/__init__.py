"""A table to a model, as ``train`` and ``search`` do it: read, part, fit, score, write."""
