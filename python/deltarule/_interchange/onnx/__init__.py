"""ONNX files, written and read."""
