"""Trains one network: recipe, augmentation, training loop, checkpoints, evaluation."""
