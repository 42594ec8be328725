"""Exports trained networks as self-contained folders: plain PyTorch, ONNX, timm files, a model card."""
