"""More than one machine: on the ranks of MPI, or the workers of Dask."""

from deltarule.distributed.fit import fit, rows_of_rank
from deltarule.distributed.many import fit_many
from deltarule.distributed.over import over
from deltarule.distributed.predict import predict

__all__ = ["fit", "fit_many", "over", "predict", "rows_of_rank"]
