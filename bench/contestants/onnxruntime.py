"""ONNX Runtime, for prediction: a Gemm and a Tanh a layer, input and output bound to memory."""

from contextlib import nullcontext

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(work, problem):
    nodes, held, name = [], [], "x"
    last = len(problem.weights) - 1
    for layer, (W, b) in enumerate(problem.weights):
        held += [numpy_helper.from_array(W.T.copy(), f"W{layer}")]
        held += [numpy_helper.from_array(b, f"b{layer}")]
        z = "y" if layer == last else f"z{layer}"
        nodes.append(helper.make_node("Gemm", [name, f"W{layer}", f"b{layer}"], [z]))
        if layer < last:
            name = f"a{layer}"
            nodes.append(helper.make_node("Tanh", [z], [name]))
    shapes = {"x": [work.batch, work.sizes[0]], "y": [work.batch, work.sizes[-1]]}
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items())
    graph = helper.make_graph(nodes, "network", [x], [y], held)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


class Predictor:
    context = nullcontext

    def __init__(self, work, problem, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(
            model(work, problem), options, providers=["CPUExecutionProvider"]
        )
        out = np.empty((work.batch, work.sizes[-1]), work.dtype)
        bound = session.io_binding()
        bound.bind_output("y", "cpu", 0, out.dtype, out.shape, out.ctypes.data)

        def predict(x, bind=bound.bind_cpu_input, run=session.run_with_iobinding):
            bind("x", x)
            run(bound)
            return out

        self.predict = predict

    def native(self, X):
        return X

    def array(self, A):
        return A.copy()
