"""An exported network answers as timm's users, torch.export and torch.compile expect."""

import random

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import search_spaces
from nas.exports.codegen.module_source import source
from nas.exports.formats.torch_module import load_module
from tests.nas.exports.networks import every_part, network_to_export, random_networks

PARTS = every_part() | {f"random-{i}": a for i, a in enumerate(random_networks(2))}
SOME = ("mixer-attention", "mixer-dilated_reparam")
ALL = [pytest.param(name, marks=() if name in SOME else pytest.mark.long) for name in PARTS]
MIXERS = [name for name in PARTS if name.startswith("mixer-")]
OFTEN = {*SOME, *PARTS.keys() - set(MIXERS), *random.Random(0).sample(MIXERS, len(MIXERS) // 3)}
EACH = [pytest.param(name, marks=() if name in OFTEN else pytest.mark.long) for name in PARTS]
each_slowly = pytest.mark.parametrize("part", ALL, indirect=True, scope="module")


@pytest.fixture(scope="module", params=EACH)
def part(request, tmp_path_factory):
    """Return a trained network on its way out, and the function of its file that builds it."""
    given = network_to_export(PARTS[request.param])
    code = tmp_path_factory.mktemp("part") / "my_net.py"
    code.write_text(source(given))
    return given, load_module(code).my_net


def loaded(part, **options):
    given, build = part
    network = build(**options)
    network.load_state_dict(given.weights)
    return network.eval()


def near(found, expected, tolerance=1e-5):
    return (found - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1)


@torch.inference_mode()
def test_features_only_returns_the_map_after_each_stage(part):
    network = loaded(part, features_only=True)
    images = part[0].images(2)
    maps = network(images)
    side = images.shape[-1]
    for found, info in zip(maps, network.feature_info, strict=True):
        assert found.shape[:2] == (2, info["num_chs"])
        assert found.shape[-1] == -(-side // info["reduction"])
    modules = [network.get_submodule(info["module"]) for info in network.feature_info]
    assert len(modules) == len(part[0].architecture.stages)


@torch.inference_mode()
def test_features_and_head_make_the_scores(part):
    network = loaded(part)
    images = part[0].images(2)
    features = network.forward_features(images)
    assert features.shape[1] == network.num_features
    assert torch.equal(network.forward_head(features), network(images))
    assert network.forward_head(features, pre_logits=True).shape == (2, network.num_features)
    assert network.num_classes == 10


@torch.inference_mode()
def test_the_classifier_can_be_reset_or_taken_away(part):
    network = loaded(part)
    images = part[0].images(2)
    network.reset_classifier(7)
    assert network(images).shape == (2, 7)
    assert network.get_classifier().out_features == network.num_classes == 7
    network.reset_classifier(0)
    assert network(images).shape == (2, network.num_features)
    assert network.num_classes == 0


def test_other_classes_and_channels_are_arguments(part):
    given, build = part
    images = torch.randn(2, 1, *given.shape[1:], generator=torch.Generator().manual_seed(0))
    assert build(num_classes=100, in_channels=1).eval()(images).shape == (2, 100)


@each_slowly
def test_gradients_are_the_same_with_checkpointing(part):
    images, labels = part[0].images(3), torch.tensor([1, 4, 7])
    gradients = []
    for enable in (False, True):
        network = loaded(part).train()
        network.set_grad_checkpointing(enable)
        F.cross_entropy(network(images), labels).backward()
        gradients.append([p.grad for p in network.parameters()])
    assert all(near(a, b, 1e-4) for a, b in zip(*gradients, strict=True))


@torch.inference_mode()
def test_the_form_for_inference_is_equal(part):
    given, _ = part
    images = given.images(2)
    network = loaded(part)
    if any("switch_to_deploy" in vars(type(m)) for m in given.network.modules()):
        before = sum(p.numel() for p in network.parameters())
        assert near(network.switch_to_deploy()(images), given.scores(images))
        assert sum(p.numel() for p in network.parameters()) != before  # fewer, or a dense kernel of few taps
    else:
        assert not hasattr(network, "switch_to_deploy")


def test_multiply_accumulates_counted_by_torch_are_those_of_the_card(part):
    given, build = part
    network = build().eval()
    network = network.switch_to_deploy() if hasattr(network, "switch_to_deploy") else network
    with FlopCounterMode(display=False) as counter:
        network.to("meta")(torch.empty(1, *given.shape, device="meta"))
    assert counter.get_total_flops() == 2 * given.costs.macs
    assert sum(p.numel() for p in network.parameters()) == given.costs.params
    assert given.costs == search_spaces.count(given.architecture, num_classes=10, deploy=True)


@pytest.mark.slow
@each_slowly
def test_torch_export_returns_an_equal_program(part):
    images = part[0].images(2)
    program = torch.export.export(loaded(part), (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for batch in (1, 7):
        images = part[0].images(batch)
        assert near(program.module()(images), part[0].scores(images))


@pytest.mark.slow
@each_slowly
@torch.no_grad()
def test_torch_compile_takes_it_whole(part):
    images = part[0].images(2)
    compiled = torch.compile(loaded(part), fullgraph=True, backend="aot_eager")
    assert near(compiled(images), part[0].scores(images))
