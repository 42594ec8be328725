"""Runs exported networks where only torch and safetensors can be imported: python -I -S bare_check.py.

Arguments: the folder of what can be imported, then the folder of exports. Each export lies in a folder of
its own beside ``expected.safetensors``. Prints, as JSON, the errors of each and the modules of ours loaded.
"""

import json
import runpy
import sys
from pathlib import Path

packages, exports = sys.argv[1:3]
sys.path.append(packages)

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(1)


def error(found, expected):
    """Return the largest difference, as a share of the largest value or of 1."""
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))


def check(folder):
    network = runpy.run_path(str(folder / "my_net.py"))["my_net"]()
    network.load_state_dict(load_file(folder / "my_net.safetensors"))
    expected = load_file(folder / "expected.safetensors")
    with torch.inference_mode():
        scores = network.eval()(expected["images"])
    F.cross_entropy(network.train()(expected["images"]), expected["labels"]).backward()
    gradients = [error(p.grad, expected[f"gradient.{name}"]) for name, p in network.named_parameters()]
    return {"scores": error(scores, expected["scores"]), "gradients": max(gradients)}


found = {folder.name: check(folder) for folder in sorted(Path(exports).iterdir())}
ours = sorted({name.split(".")[0] for name in sys.modules} & {"nas", "search_spaces", "trials", "dashboards"})
sys.stdout.write(json.dumps({"found": found, "ours": ours}))
