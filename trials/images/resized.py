"""Resizes decoded images to the resolution of a network, each once, as image files are."""

import numpy as np

from trials.images.decoding import PixelFormat, decode_image
from trials.images.splits import Images


def resized_images(images: Images, count: int, resolution: int) -> Images:
    """Return the first `count` images, resized to squares of `resolution` pixels."""
    pixel_format = PixelFormat(height=resolution, width=resolution, channels=images.images.shape[3])
    pixels = [decode_image(np.asarray(image), pixel_format) for image in images.images[:count]]
    return Images(images=np.stack(pixels), labels=images.labels[:count])
