"""Times a network and its layers: timing protocol, ONNX Runtime, conditions of a measurement."""
