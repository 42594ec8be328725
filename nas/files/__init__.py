"""Checkpoints, weights and artifacts of studies, in a folder or behind a URL of fsspec."""
