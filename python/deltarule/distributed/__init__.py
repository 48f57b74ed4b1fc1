"""Training on several machines: ranks of MPI."""

from deltarule.distributed.fit import fit, rows_of_rank

__all__ = ["fit", "rows_of_rank"]
