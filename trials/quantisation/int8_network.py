"""`Int8Network`: a trained network in its int8 form, run by the runtime that it is exported for."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from search_spaces.weight_bits import marked_blocks
from trials.latency.onnx_model import deployed
from trials.quantisation.exact_sums import exact_session
from trials.quantisation.onnx_graph import write_onnx
from trials.quantisation.static_int8 import quantise


class Int8Network(nn.Module):
    """The int8 form of a network: the file that an export writes of it, run by ONNX Runtime.

    Its products are those of integers, as on a device; nothing of it can be trained.

    Args:
        network: Trained network, on any device; left as it is.
        calibration: Preprocessed training images, by which activations are calibrated.
        threads: CPU threads of the runtime, at least 1.
    """

    def __init__(
        self, network: nn.Module, calibration: Float[Tensor, "n c r r"], *, threads: int = 1
    ) -> None:
        super().__init__()
        with TemporaryDirectory() as folder:
            plain, quantised = Path(folder, "plain.onnx"), Path(folder, "int8.onnx")
            two = calibration[:1].expand(2, -1, -1, -1).contiguous()
            write_onnx(deployed(network), two, {0: torch.export.Dim("batch")}, plain)
            quantise(plain, quantised, calibration, marked_blocks(network))
            model = quantised.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # trainings run beside it
        self._session = exact_session(model, options)

    @override
    def forward(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        (scores,) = self._session.run(None, {"images": images.contiguous().numpy()})
        return torch.from_numpy(scores)
