"""Names of the files that a training leaves in its folder."""

from typing import Final

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "weights.safetensors"
