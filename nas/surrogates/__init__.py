"""Gaussian process surrogates (GPyTorch): accuracy from architecture factors, latency from operations."""
