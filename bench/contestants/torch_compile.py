"""PyTorch under torch.compile: the loss with its forward and backward, then fused Adam.

Compiling the optimizer's step as well was slower here. A prediction has its weights frozen in.
"""

import torch
from torch._inductor import config

from contestants import torch_eager


class Trainer(torch_eager.Trainer):
    def prepared(self, loss):
        torch._dynamo.reset()
        return torch.compile(loss, fullgraph=True, dynamic=False)


class Predictor(torch_eager.Predictor):
    def prepared(self, net, example):
        torch._dynamo.reset()
        config.freezing = True
        return torch.compile(net, fullgraph=True, dynamic=False)
