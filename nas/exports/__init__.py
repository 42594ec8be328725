"""Writes a trained network out of the project: a folder of plain PyTorch, ONNX, timm and a card."""
