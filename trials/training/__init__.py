"""Trains one network: from a recipe and images to epochs, checkpoints and a final test."""
