"""Shared weights: every network is a slice of the same tensors, and computes what an ordinary one does."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces.architecture import options_of
from search_spaces.elastic import SharedWeights
from search_spaces.elastic.report import sharing_of
from search_spaces.errors import ArchitectureError
from search_spaces.mixers import MIXERS
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace


def small_space(stage, **options):
    """Return a space of two stages of the same choices."""
    first = StageSpace(**{"channels": 32, "depth": (1,), "stride": 2, **stage})
    second = StageSpace(**{"channels": 64, "depth": (2,), "stride": 2, **stage})
    given = {"width": (0.5, 1.0), "conv_depth": (0.5, 1.0, 2.0), "attention_depth": (0.5, 1.0)}
    return SearchSpace(
        name="small",
        resolution=(8, 16),
        divisor=16,
        options=options_of({"stem_channels": 32, "stem_stride": 1, "head_channels": 64}),
        stages=(first, second),
        **{**given, **options},
    )


CHOICES = {
    "mixer": ("depthwise", "attention", "separable_attention"),
    "kernel": (3, 5, 7),
    "expansion": (2, 4),
}
RESIDUAL = {"kernel": (3, 5), "expansion": (1, 3, 4), "gate": ("none", "squeeze_excite", "efficient_channel")}
SPACES = {
    "hybrid": small_space({"options": {**CHOICES, "dilation": (1, 2)}}),
    "residual": small_space({"block": "inverted_residual", "options": RESIDUAL}, conv_depth=(1.0, 2.0)),
    "mixers": small_space({"options": {"mixer": tuple(MIXERS), "expansion": (2, 3)}}),
    "vit": small_space({"block": "mobilevit_v1", "options": {"mixer": ("attention",), "expansion": (2, 3)}}),
    "inside": small_space(
        {
            "block": "mobilevit_v1",
            "depth": (3,),
            "depth_of": "transformers",
            "inner_channels": 32,
            "heads": 4,
            "options": {"mixer": ("attention", "separable_attention"), "expansion": (2, 3)},
        }
    ),
    "chosen": small_space(
        {
            "block": "mobilevit_v2",
            "depth": (1, 3),
            "depth_of": "transformers",
            "inner_channels": 48,
            "options": {"mixer": ("separable_attention",)},
        },
        attention_depth=(1.0,),
    ),
    "vit2": small_space({"block": "mobilevit_v2", "options": {"mixer": ("separable_attention",)}}),
    "next": small_space({"block": "convnext", "options": CHOICES}),
    "patterns": small_space(
        {
            "block": ("metaformer", "moat"),
            "patterns": {"attend": ("none", "last", "alternate"), "dilations": ("one", "cycle")},
            "options": {
                "mixer": ("depthwise",),
                "kernel": (3, 5),
                "expansion": (2, 4),
                "attention_mixer": ("attention", "separable_attention"),
            },
        }
    ),
    "faster": small_space({"block": "fasternet", "options": {"mixer": ("partial_conv",)}}),
}
NAMES = list(SPACES)


@functools.cache
def shared_of(name):
    return SharedWeights(SPACES[name], num_classes=3, in_channels=3, seed=0)


def drawn(name, seed):
    return SPACES[name].sample(np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_module_of_a_network_is_that_of_build(name, seed):
    architecture = drawn(name, seed)
    shared = shared_of(name)
    with torch.device("meta"):
        built = search_spaces.build(architecture, num_classes=3)
    made = shared.module(architecture)
    assert {k: v.shape for k, v in made.state_dict().items()} == {
        k: v.shape for k, v in built.state_dict().items()
    }
    for path, part in shared.slices(architecture).items():
        assert part.sizes == built.get_parameter(path).shape
        assert torch.equal(part.of(shared.tensors[part.key]), made.get_parameter(path))


@pytest.mark.parametrize("name", ["hybrid", "residual", "mixers", "faster", "inside", "chosen"])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_shared_weights_compute_what_the_module_does_and_gradients_reach_the_slices_alone(name, seed):
    architecture, shared = drawn(name, seed), shared_of(name)
    x = torch.randn(2, 3, architecture.resolution, architecture.resolution)
    made = shared.module(architecture).train()
    before = {key: value.clone() for key, value in shared.named_buffers()}
    out = shared(architecture, x)
    torch.testing.assert_close(out, made(x))
    shared.zero_grad(set_to_none=True)
    out.sum().backward()
    used: dict[str, torch.Tensor] = {}
    for part in shared.slices(architecture).values():
        mask = used.setdefault(part.key, torch.zeros(part.shape, dtype=torch.bool))
        part.put(mask, torch.ones(part.sizes, dtype=torch.bool))
    for key, tensor in shared.tensors.items():
        if key not in used:
            assert tensor.grad is None
        elif tensor.grad is not None:
            assert not tensor.grad[~used[key]].any()
    assert before == dict(shared.named_buffers()) == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_networks_use_tensors_whole_and_each_tensor_is_used(name):
    shared = shared_of(name)
    whole = {
        part.key
        for network in shared.layout.largest
        for part in shared.slices(network).values()
        if part.whole
    }
    assert whole == set(shared.tensors.keys())


def changed(architecture, number, **options):
    """Return the network with other options in one stage."""
    from dataclasses import replace

    stages = list(architecture.stages)
    stages[number] = replace(stages[number], options=options_of({**dict(stages[number].options), **options}))
    return replace(architecture, stages=tuple(stages))


def storages(shared, architecture):
    return {
        shared.tensors[part.key].untyped_storage().data_ptr()
        for path, part in shared.slices(architecture).items()
        if path.startswith("stages.0")
    }


def test_kernels_and_expansions_share_storage_and_mixers_and_dilations_do_not():
    space, shared = SPACES["hybrid"], shared_of("hybrid")
    params = space.params(drawn("hybrid", 0))
    params |= {"stage1.mixer": "depthwise", "stage1.kernel": 3, "stage1.dilation": 1, "stage1.expansion": 2}
    first = space.architecture(params)
    larger = storages(shared, space.architecture({**params, "stage1.kernel": 7, "stage1.expansion": 4}))
    assert storages(shared, first) == larger
    for other in ({"stage1.dilation": 2}, {"stage1.mixer": "attention"}):
        assert not storages(shared, first) & storages(shared, space.architecture({**params, **other}))


def test_a_kernel_is_the_centre_of_a_larger_one_and_queries_keys_and_values_are_prefixes_each():
    space, shared = SPACES["hybrid"], shared_of("hybrid")
    params = {
        **space.params(drawn("hybrid", 0)),
        "width": 1.0,
        "stage1.mixer": "depthwise",
        "stage1.dilation": 1,
    }
    kernels = {
        k: shared.module(space.architecture({**params, "stage1.kernel": k})).get_parameter(
            "stages.0.0.mix.1.conv.weight"
        )
        for k in (3, 7)
    }
    assert torch.equal(kernels[3], kernels[7][:, :, 2:5, 2:5])
    wide, narrow = (
        shared.module(space.architecture({**params, "width": width, "stage1.mixer": "attention"}))
        .get_parameter("stages.0.0.mix.1.qkv.weight")
        .unflatten(0, (3, -1))
        for width in (1.0, 0.5)
    )
    channels = narrow.shape[1]
    assert channels < wide.shape[1]
    assert torch.equal(narrow, wide[:, :channels, :channels])


def test_one_of_nothing_widened_shares_no_weights_with_widened_ones():
    space, shared = SPACES["residual"], shared_of("residual")
    params = {**space.params(drawn("residual", 0)), "stage1.gate": "none"}
    one, three, four = (
        storages(shared, space.architecture({**params, "stage1.expansion": e})) for e in (1, 3, 4)
    )
    assert three == four
    assert not one & three


def test_the_seed_decides_the_weights_and_the_callers_generator_is_left_alone():
    space = SPACES["faster"]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (SharedWeights(space, num_classes=2, seed=seed) for seed in (1, 1, 2))
    first.module(space.sample(np.random.default_rng(0)))
    assert torch.equal(before, torch.get_rng_state())
    for key, tensor in first.tensors.items():
        assert torch.equal(tensor, again.tensors[key])
    assert any(not torch.equal(tensor, other.tensors[key]) for key, tensor in first.tensors.items())


def test_a_network_of_another_space_is_refused_in_one_line():
    with pytest.raises(ArchitectureError, match="space 'small', which does not hold"):
        shared_of("hybrid").slices(drawn("residual", 0))


def test_the_report_says_what_shares_and_what_does_not():
    said = {(row.choice, row.owner): row.shares for row in sharing_of(SPACES["hybrid"])}
    assert said["width", None]
    assert said["stage1.kernel", "depthwise"]
    assert said["stage2.expansion", "attention"]
    assert not said["stage1.dilation", "depthwise"]
    assert not said["stage1.mixer", None]
    own = [
        str(row) for row in sharing_of(SPACES["mixers"]) if row.owner == "inception_conv" and not row.shares
    ]
    assert own == ["width of inception_conv (0.5, 1.0): weights of its own each"]
