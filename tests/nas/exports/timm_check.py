"""Uses an export as timm's users do: python timm_check.py EXPORT PACKAGES; fails loudly."""

import importlib
import sys

import torch

export, packages = sys.argv[1:3]
sys.path[:0] = [export, packages]
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):  # torchvision's wheel is for a CUDA build and asks for them on import
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

assert importlib.import_module("timm_my_net").default_cfgs  # which registers it
weights = load_file(f"{export}/my_net.safetensors")
images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def create(name="my_net", **options):
    return timm.create_model(name, **options).eval()


def same(network, without=()):
    state = network.state_dict()
    return all(torch.equal(state[k], v) for k, v in weights.items() if not k.startswith(without))


whole = create(pretrained=True)
assert same(whole)
assert whole(images).shape == (2, 10)
assert timm.data.resolve_model_data_config(whole)["input_size"] == (3, 32, 32)
assert same(create(f"local-dir:{export}", pretrained=True))

maps = create(pretrained=True, features_only=True)
assert [m.shape[1] for m in maps(images)] == maps.feature_info.channels() == [16, 32]
assert [32 // m.shape[2] for m in maps(images)] == maps.feature_info.reduction() == [4, 8]
assert torch.equal(maps(images)[1], whole.forward_intermediates(images)[1])
assert len(create(features_only=True, out_indices=(1,))(images)) == 1

finer = create(pretrained=True, num_classes=100)
assert finer(images).shape == (2, 100)
assert same(finer, without=("head",))
assert create(pretrained=True, num_classes=0)(images).shape == (2, 32)
assert same(create(pretrained=True, in_chans=1), without=("stem.0",))
finer.reset_classifier(7)
assert finer(images).shape == (2, 7)

gradients = []
for enable in (False, True):
    network = create(pretrained=True, drop_rate=0.0).train()
    network.set_grad_checkpointing(enable)
    network(images).square().sum().backward()
    gradients.append([p.grad for p in network.parameters()])
assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*gradients, strict=True))
