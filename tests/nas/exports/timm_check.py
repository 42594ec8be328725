"""Checks exports as timm checks its own models: python timm_check.py EXPORTS; fails loudly.

Each folder in EXPORTS is an export whose network is called like the folder. Prints what failed, a line each.
"""

import copy
import importlib
import json
import sys
import traceback
import warnings
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from timm.models import FeatureInfo, load_checkpoint, model_parameters
from timm.optim import create_optimizer_v2

warnings.simplefilter("ignore")
torch.set_num_threads(1)


class Check:
    """One export under timm's names."""

    def __init__(self, folder):
        self.folder, self.name = folder, folder.name
        sys.path.insert(0, str(folder))
        assert importlib.import_module(f"timm_{self.name}").default_cfgs  # which registers it
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = load_file(folder / f"{self.name}.safetensors")
        self.whole = self.create(pretrained=True)
        self.cfg = self.whole.pretrained_cfg
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(2, *self.cfg["input_size"], generator=generator)
        self.stages = len(self.whole.stages)

    def create(self, **options):
        return timm.create_model(self.name, **options).eval()

    def same(self, network, without=()):
        state = network.state_dict()
        return all(torch.equal(state[k], v) for k, v in self.weights.items() if not k.startswith(without))

    def weights_and_configuration(self):
        assert self.same(self.whole)
        assert self.same(timm.create_model(f"local-dir:{self.folder}", pretrained=True))
        assert timm.data.resolve_model_data_config(self.whole)["input_size"] == self.cfg["input_size"]
        for layer in (self.cfg["classifier"], self.cfg["first_conv"]):
            assert f"{layer}.weight" in self.weights
        assert self.config["pretrained_cfg"]["crop_mode"] == self.cfg["crop_mode"] == "squash"
        assert self.config["num_features"] == self.whole.num_features
        assert self.whole.in_chans == self.cfg["input_size"][0]

    def forward(self):
        scores = self.whole(self.images)
        assert scores.shape == (2, self.cfg["num_classes"])
        assert scores.isfinite().all()
        maps = self.whole.forward_features(self.images)
        assert maps.shape == (2, self.whole.num_features, *self.cfg["pool_size"])
        assert torch.allclose(self.whole.forward_head(maps), scores, atol=1e-5)
        hidden = self.whole.forward_head(maps, pre_logits=True)
        assert hidden.shape == (2, self.whole.head_hidden_size)
        assert torch.allclose(self.whole.get_classifier()(hidden), scores, atol=1e-5)

    def no_classifier(self):
        hidden = self.whole.forward_head(self.whole.forward_features(self.images), pre_logits=True)
        for network in (self.create(pretrained=True, num_classes=0), copy.deepcopy(self.whole)):
            network.reset_classifier(0)
            assert torch.equal(network(self.images), hidden)
            assert network.num_classes == 0

    def no_pooling(self):
        maps = self.whole.forward_features(self.images)
        network = copy.deepcopy(self.whole)
        network.reset_classifier(0, "")
        assert torch.equal(network(self.images), maps)
        assert torch.equal(self.create(pretrained=True, num_classes=0, global_pool="")(self.images), maps)
        dense = self.create(pretrained=True, global_pool="")(self.images)
        assert dense.shape == (2, self.cfg["num_classes"], *maps.shape[2:])

    def other_pooling(self):
        maps = self.whole.forward_features(self.images)
        tail = list(self.whole.neck)
        pools = any(isinstance(layer, torch.nn.AdaptiveAvgPool2d) for layer in tail)
        for pool, pooled in (("max", maps.amax((2, 3))), ("avg", maps.mean((2, 3)))):
            found = self.create(pretrained=True, global_pool=pool)(self.images)
            assert found.shape == (2, self.cfg["num_classes"])
            assert pools or torch.allclose(found, self.whole.head(pooled), atol=1e-4)
        if not pools:
            network = self.create(num_classes=7, global_pool="catavgmax")
            assert network(self.images).shape == (2, 7)
            assert network.head.in_features == 2 * self.whole.head_hidden_size

    def other_classes_and_channels(self):
        finer = self.create(pretrained=True, num_classes=100)
        assert finer(self.images).shape == (2, 100)
        assert self.same(finer, without=("head",))
        finer.reset_classifier(7)
        assert finer(self.images).shape == (2, 7)
        for channels in {1, 2, 3, 4} - {self.whole.in_chans}:
            network = self.create(pretrained=True, in_chans=channels)
            assert self.same(network, without=("stem.0",))
            assert network.in_chans == channels
            images = torch.randn(2, channels, *self.images.shape[2:])
            assert network(images).isfinite().all()
        if self.whole.in_chans == 1:  # grey weights are shared out among the colours
            colour = self.create(pretrained=True, in_chans=3)(self.images.repeat(1, 3, 1, 1))
            assert torch.allclose(colour, self.whole(self.images), atol=1e-4)

    def backward(self):
        network = self.create(num_classes=42).train()
        network(self.images).mean().backward()
        assert all(p.grad is not None for p in network.parameters())
        assert sum(p.numel() for p in model_parameters(network, exclude_head=True)) > 0

    def features(self):
        images = torch.randn(2, *self.cfg["input_size"][:1], *(2 * s for s in self.cfg["input_size"][1:]))
        _, expected = self.whole.forward_intermediates(images)
        for kind in ("list", "dict", "hook", "fx", "getter"):
            network = self.create(pretrained=True, features_only=True, feature_cls=kind)
            found = network(images)
            found = list(found.values()) if isinstance(found, dict) else found
            assert all(map(torch.equal, found, expected)), kind
            assert [m.shape[1] for m in found] == network.feature_info.channels()
            for one, reduction in zip(found, network.feature_info.reduction(), strict=True):
                assert one.shape[-1] <= images.shape[-1] // reduction + 1
            network = self.create(features_only=True, feature_cls=kind, out_indices=(0, self.stages - 1))
            assert len(network(images)) == 2
            assert len(network.feature_info.channels()) == 2

    def intermediates(self):
        info = FeatureInfo(self.whole.feature_info, self.stages)
        final, maps = self.whole.forward_intermediates(self.images)
        assert torch.equal(final, self.whole.forward_features(self.images))
        assert [m.shape[1] for m in maps] == info.channels()
        last = self.stages - 1
        for indices, numbers in ((1, [last]), ([0, -1], [0, last]), ((0,), [0]), (self.stages, None)):
            only = {"indices": indices, "intermediates_only": True}
            for early in (False, True):
                found = self.whole.forward_intermediates(self.images, stop_early=early, norm=True, **only)
                expected = maps if numbers is None else [maps[n] for n in numbers]
                assert len(found) == len(expected)
                assert all(map(torch.equal, found, expected))
        early, _ = self.whole.forward_intermediates(self.images, indices=[0], stop_early=True)
        assert torch.equal(early, maps[0])

    def pruning(self):
        _, maps = self.whole.forward_intermediates(self.images)
        network = copy.deepcopy(self.whole)
        assert network.prune_intermediate_layers([0]) == [0]
        assert len(network.stages) == 1
        assert torch.equal(network(self.images), maps[0])
        network.reset_classifier(5, "avg")
        assert network(self.images).shape == (2, 5)

    def drop_path(self):
        network = self.create(pretrained=True, drop_path_rate=0.5, drop_rate=0.5)
        assert torch.equal(network(self.images), self.whole(self.images))
        copied, droppable = copy.deepcopy(network).train(), []
        for block in [block for stage in copied.stages for block in stage if list(block.parameters())]:
            block.register_forward_hook(lambda _, x, y: droppable.append(x[0].shape == y.shape))
        # Of one droppable block, all of these are dropped or none in one run of 2 ** 31.
        final, _ = copied.forward_intermediates(self.images[:1].expand(32, -1, -1, -1))
        assert torch.equal(final, final[:1].expand_as(final)) != any(droppable)

    def checkpointing(self):
        gradients = []
        for enable in (False, True):
            network = self.create(pretrained=True).train()
            network.set_grad_checkpointing(enable)
            network(self.images).square().sum().backward()
            gradients.append([p.grad for p in network.parameters()])
        assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(*gradients, strict=True))

    def fine_tuning(self):
        network = self.create(pretrained=True)
        optimiser = create_optimizer_v2(network, opt="adamw", lr=1e-3, layer_decay=0.5, weight_decay=0.05)
        scales = {group["lr_scale"] for group in optimiser.param_groups}
        assert len(scales) > sum(1 for stage in self.whole.stages if list(stage.parameters()))
        load_checkpoint(network, str(self.folder / f"{self.name}.safetensors"))
        assert self.same(network)


CHECKS = [name for name in vars(Check) if not name.startswith("_") and name not in {"create", "same"}]
failed = []
for folder in sorted(Path(sys.argv[1]).iterdir()):
    export = Check(folder.resolve())
    for name in CHECKS:
        try:
            with torch.set_grad_enabled(name in {"backward", "checkpointing"}):
                getattr(export, name)()
        except Exception as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)]
            failed.append(f"{folder.name}: {name}, lines {lines}: {error!r:.300}")
sys.stdout.write("\n".join(failed))
sys.exit(bool(failed))
