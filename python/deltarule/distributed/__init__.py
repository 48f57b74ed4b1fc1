"""More than one machine: on the ranks of MPI, or the workers of Dask."""

from deltarule.distributed.fit import fit, rows_of_rank
from deltarule.distributed.predict import predict

__all__ = ["fit", "predict", "rows_of_rank"]
