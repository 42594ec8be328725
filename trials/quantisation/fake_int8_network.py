"""`FakeInt8Network`: a trained network that computes in float what its exported int8 form computes."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from trials.latency.onnx_model import deployed
from trials.quantisation.fake_quantisation import Ranges


class FakeInt8Network(nn.Module):
    """A network as quantisation-aware training leaves it: fake-quantised between calibrated values.

    Differs from `Int8Network` by the order of sums alone, and where branches of a block are rounded apart.

    Args:
        network: Trained network, on any device; left as it is.
        calibration: Preprocessed training images, by which activations are calibrated.
    """

    def __init__(self, network: nn.Module, calibration: Float[Tensor, "n c r r"]) -> None:
        super().__init__()
        self.network = deployed(network)
        self._ranges = Ranges(self.network)
        with torch.no_grad(), self._ranges.observed():
            self.network(calibration)

    @override
    def forward(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        with self._ranges.held():
            scores: Tensor = self.network(images)
        return scores
