"""How a network's latency is timed: the protocol, its conditions, and what ONNX Runtime needs."""
