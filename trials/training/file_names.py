"""Names of the files that a training leaves in its folder."""

from typing import Final

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "weights.safetensors"
PREDICTIONS: Final = "predictions.safetensors"
"""Predicted classes of the validation images, where networks are compared image by image."""
TEST_PREDICTIONS: Final = "test_predictions.safetensors"
INT8_PREDICTIONS: Final = "int8_predictions.safetensors"
"""Those of the int8 form, where that is deployed."""
INT8_TEST_PREDICTIONS: Final = "int8_test_predictions.safetensors"
SUPERNET: Final = "supernet.safetensors"
"""Weights that all networks of a space share."""
READINGS: Final = "readings.json"
"""What the networks of a supernet were worth."""
