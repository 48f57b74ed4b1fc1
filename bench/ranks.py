"""One process of those that `distributed.py` starts: a rank of MPI, or of PyTorch's gloo.

Usage: ``python ranks.py REQUEST``, a JSON object whose ``what`` names a function below. The first
process prints what it found as JSON.
"""

import json
import os
import sys
from dataclasses import replace
from time import perf_counter

import agreement
import numpy as np
from workloads import WORKLOADS, make_problem


def comm():
    from mpi4py import MPI

    return MPI.COMM_WORLD


def train(key, batch=None, rows=None, repetitions=5, together=True, spans=True, threads=1):
    """Seconds a step of deltarule's, on all ranks or on this process alone."""
    from contestants.deltarule import network

    import deltarule as dr
    from deltarule.distributed.sharded import steps

    if not spans:
        steps._SPAN = 1 << 40
    work = WORKLOADS[key]
    work = replace(work, batch=batch or work.batch, rows=rows or work.rows)
    problem, ranks = make_problem(work), comm()
    mine = dr.distributed.rows_of_rank(work.rows, ranks if together else None)
    X, y = problem.X[mine], problem.y[mine]
    net = network(work, problem, threads)
    optimizer = dr.Adam(work.learning_rate)
    initial, seconds = net.parameters.copy(), []
    for repetition in range(repetitions + 1):
        net.parameters[:] = initial
        if optimizer.state is not None:
            optimizer.state[:] = 0
        optimizer.step = 0
        ranks.Barrier()
        began = perf_counter()
        options = {"optimizer": optimizer, "batch_size": work.batch, "epochs": work.per_repetition}
        options["loss"] = work.loss
        if together:
            dr.distributed.fit(net, X, y, comm=ranks, **options)
        else:
            net.fit(X, y, **options)
        if repetition:  # the first one gets ready
            seconds.append(perf_counter() - began)
    count = work.per_repetition * -(-work.rows // work.batch)
    weights = [(layer.W, layer.b[:, 0]) for layer in net.layers]
    return ranks.rank, {
        "seconds": [each / count for each in seconds],
        "loss": agreement.training_loss(work, problem, weights),
    }


def ddp(key, rank, ranks, port, repetitions=5):
    """Seconds a step of PyTorch's DistributedDataParallel over gloo."""
    import torch
    from contestants.torch_eager import LOSSES, network
    from torch import distributed

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=ranks)
    work = WORKLOADS[key]
    problem = make_problem(work)
    rows = slice(work.rows * rank // ranks, work.rows * (rank + 1) // ranks)
    X, y = torch.from_numpy(problem.X[rows]), torch.from_numpy(problem.y[rows])
    if work.loss == "binary_cross_entropy":
        y = y[:, None]
    net = torch.nn.parallel.DistributedDataParallel(network(work, problem, 1))
    initial = [p.detach().clone() for p in net.parameters()]
    seconds, each = [], work.batch // ranks
    for repetition in range(repetitions + 1):
        with torch.no_grad():
            for p, value in zip(net.parameters(), initial, strict=True):
                p.copy_(value)
        optimizer = torch.optim.Adam(net.parameters(), lr=work.learning_rate, fused=True)
        distributed.barrier()
        began = perf_counter()
        for _ in range(work.per_repetition):
            order = torch.randperm(len(X))
            for part in order.split(each):
                optimizer.zero_grad(set_to_none=True)
                LOSSES[work.loss](net(X[part]), y[part]).backward()
                optimizer.step()
        if repetition:
            seconds.append(perf_counter() - began)
    values = [p.detach().numpy() for p in net.parameters()]
    weights = list(zip(values[::2], values[1::2], strict=True))
    count = work.per_repetition * -(-len(X) // each)
    distributed.destroy_process_group()
    return rank, {
        "seconds": [each / count for each in seconds],
        "loss": agreement.training_loss(work, problem, weights),
    }


def exchange(counts, repetitions=7):
    """Seconds that it takes to add up vectors of so many numbers, of one shard a rank."""
    from deltarule.distributed.sharded.meeting import Meeting
    from deltarule.distributed.sharded.sums import Sums

    ranks, found = comm(), {}
    for count in counts:
        with Meeting(ranks, 60.0) as meeting:
            sums = Sums(meeting, ranks.size, 3, count, np.float32)
            times = []
            for _ in range(repetitions + 1):
                sums.start()
                sums.room()[:] = 1.0
                sums.add()
                ranks.Barrier()
                began = perf_counter()
                sums.meet("a sum")
                if not sums.little:
                    sums.begin(slice(0, count))
                    sums.finish()
                times.append(perf_counter() - began)
            assert sums.total[0] == ranks.size
            found[count] = float(np.median(times[1:]))
    return ranks.rank, found


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    rank, answer = globals()[request.pop("what")](**request)
    if rank == 0:
        print(json.dumps(answer), flush=True)
