"""PyTorch's TorchScript, for prediction: traced and optimized for inference."""

import warnings

import torch

from contestants import torch_eager


class Predictor(torch_eager.Predictor):
    def prepared(self, net, example):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated
            return torch.jit.optimize_for_inference(torch.jit.trace(net, example))
