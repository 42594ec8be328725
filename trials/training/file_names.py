"""Names of the files that a training leaves in its folder."""

from typing import Final

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "weights.safetensors"
PREDICTIONS: Final = "predictions.safetensors"
"""Predicted classes of the validation images in the deployed form, where networks are compared by them."""
TEST_PREDICTIONS: Final = "test_predictions.safetensors"
SUPERNET: Final = "supernet.safetensors"
"""Weights that all networks of a space share."""
READINGS: Final = "readings.json"
"""What the networks of a supernet were worth."""
