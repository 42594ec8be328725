"""The usual normalisation of a family's images, for weights that do not say theirs."""

from typing import Final, TypeAlias

Normalisation: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

IMAGENET: Final[Normalisation] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Final[Normalisation] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Of Google's EfficientNet-Lite and MobileNetV3 (https://github.com/huggingface/pytorch-image-models)."""
_NONE: Final[Normalisation] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# MobileViT was trained on pixels in [0, 1] as they are (https://github.com/apple/ml-cvnets).
_PLAIN: Final = ("mobilevit_",)


def usual_preprocessing(published: str) -> Normalisation:
    """Return mean and standard deviation of each channel that a published network is usually trained with."""
    return _NONE if published.startswith(_PLAIN) else IMAGENET
