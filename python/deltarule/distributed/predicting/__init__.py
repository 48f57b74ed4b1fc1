"""Predictions of more rows than one machine has: by partitions of Dask, by ranges of ranks."""
