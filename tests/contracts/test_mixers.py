"""What every mixer owes: its shape, honest layers, gradients, an ONNX form and an equal deploy form."""

import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from search_spaces.costs import COSTS, Costs
from search_spaces.mixers import MIXERS, Mixer
from search_spaces.options import keywords, structural_of
from search_spaces.tape import Map, Tape
from search_spaces.tracing import trace_call

NAMES = list(MIXERS)
# Values of the options that any mixer may take, by name.
VALUES: dict[str, list[int]] = {
    "kernel": [3, 5, 7, 9, 11, 13],
    "band": [3, 7, 11],
    "branch": [4, 8],
    "part": [2, 4, 8],
    "dilation": [1, 2, 3],
    "head_channels": [8, 16],
    "key_channels": [8, 16],
    "window": [3, 4, 7],
    "reduction": [1, 2, 4],
    "order": [1, 2, 3, 4],
    "normed": [True, False],
    "key_stride": [1, 2, 4],
    "heads": [1, 2, 4],
    "ratio": [2, 4],
    "levels": [1, 2, 3],
    "slots": [4, 16],
    "states": [4, 16],
    "taps": [4, 16],
}
side = st.integers(1, 17)
widths = st.sampled_from([16, 32, 48])


# Taken beforehand: a strategy must import nothing, since imports touch the global generators.
OPTIONS = {
    name: st.fixed_dictionaries({key: st.sampled_from(VALUES[key]) for key in keywords(MIXERS[name])})
    for name in NAMES
}


def priced(name, chosen, channels, height, width, *, deploy=False):
    tape = Tape()
    mixer = MIXERS[name]
    mixer.layers(tape, tape.input(channels, height, width), deploy=deploy, **chosen)
    return Costs(**{cost: int(COSTS[cost].of(tape)) for cost in COSTS})


@pytest.mark.parametrize("name", NAMES)
def test_options_are_keywords_with_defaults_and_the_listing_takes_the_same(name):
    mixer = MIXERS[name]
    taken = keywords(mixer)
    assert inspect.Parameter.empty not in taken.values()
    listed = list(inspect.signature(mixer.layers).parameters)
    assert listed == ["tape", "x", "deploy", *taken]
    assert isinstance(mixer, Mixer)
    assert mixer.kind in {"conv", "attention"}
    assert set(structural_of(mixer)) <= set(taken)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths, height=side, width=side)
@settings(max_examples=12)
def test_counted_costs_are_those_of_what_runs(name, data, channels, height, width):
    chosen = data.draw(OPTIONS[name])
    ran = trace_call(MIXERS[name](channels, **chosen), (channels, height, width))
    assert ran.items() <= priced(name, chosen, channels, height, width).items()
    assert ran.params == sum(p.numel() for p in MIXERS[name](channels, **chosen).parameters())


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths)
@settings(max_examples=4)
def test_arrays_of_sizes_are_priced_like_each_size_alone(name, data, channels):
    chosen = data.draw(OPTIONS[name])
    plain = {"normed", *structural_of(MIXERS[name])}
    sides = np.arange(1, 17)
    varied = {k: v if k in plain else np.full(16, v) for k, v in chosen.items()}
    tape = Tape()
    mixer = MIXERS[name]
    mixer.layers(tape, Map(channels, sides, sides), deploy=False, **varied)
    for cost in COSTS:
        together = np.broadcast_to(COSTS[cost].of(tape), (16,))
        alone = [getattr(priced(name, chosen, channels, int(s), int(s)), cost) for s in sides]
        assert together.tolist() == alone


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), channels=widths, height=side, width=side)
@settings(max_examples=5)
def test_it_keeps_the_shape_and_every_gradient_is_finite(name, data, channels, height, width):
    torch.manual_seed(0)
    mixer = MIXERS[name](channels, **data.draw(OPTIONS[name]))
    x = torch.randn(2, channels, height, width, requires_grad=True)
    y = mixer(x)
    assert y.shape == x.shape
    y.square().mean().backward()
    for parameter in (x, *mixer.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def trained(module: nn.Module) -> nn.Module:
    """Return the module in evaluation mode with norms that are far from where they start."""
    generator = torch.Generator().manual_seed(1)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            state = m.state_dict()
            for key in ("weight", "running_var"):
                state[key].copy_(torch.rand(m.num_features, generator=generator) + 0.5)
            for key in ("bias", "running_mean"):
                state[key].copy_(torch.randn(m.num_features, generator=generator))
    return module.eval()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), height=side, width=side)
@settings(max_examples=6)
@torch.no_grad()
def test_the_deploy_form_equals_the_training_form_and_costs_what_is_listed(name, data, height, width):
    torch.manual_seed(0)
    chosen = data.draw(OPTIONS[name])
    mixer: Any = trained(MIXERS[name](16, **chosen))
    x = torch.randn(1, 16, height, width)
    before = mixer(x)
    if hasattr(mixer, "switch_to_deploy"):
        mixer.switch_to_deploy()
        mixer.switch_to_deploy()  # a second time changes nothing
    torch.testing.assert_close(mixer(x), before, atol=1e-5, rtol=1e-5)
    ran = trace_call(mixer, (16, height, width))
    assert ran.items() <= priced(name, chosen, 16, height, width, deploy=True).items()


@pytest.mark.filterwarnings("ignore:.isinstance.treespec:FutureWarning")  # torch.export on itself
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_it_exports_to_onnx_and_answers_the_same_there(name, tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    mixer: Any = trained(MIXERS[name](16))
    x = torch.randn(1, 16, 9, 10)
    path = tmp_path / "mixer.onnx"
    torch.onnx.export(mixer, (x,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(answer, mixer(x).numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "channels", "chosen"),
    [
        *[(name, 16, {"kernel": 4}) for name in NAMES if "kernel" in keywords(MIXERS[name])],
        *[(name, 20, {"head_channels": 16}) for name in NAMES if "head_channels" in keywords(MIXERS[name])],
        ("inception_depthwise", 4, {"branch": 8}),
        ("partial_conv", 2, {"part": 4}),
        ("modulated_attention", 9, {"reduction": 2}),
        ("recursive_gated_conv", 6, {"order": 3}),
        ("spatial_reduction_attention", 16, {"key_stride": 0}),
        ("mobile_multi_query_attention", 16, {"heads": 0}),
        ("ghost_module", 9, {"ratio": 2}),
        ("dfc_attention", 9, {}),
        ("dfc_attention", 16, {"band": 4}),
        ("large_small_conv", 12, {}),
        ("recursive_conv", 16, {"levels": 0}),
        ("global_local_mixing", 16, {"slots": 8}),
        ("hidden_state_mixer", 16, {"states": 0}),
        ("learnable_spacing", 16, {"taps": 0}),
    ],
)
def test_what_cannot_be_built_says_what_was_given_and_expected(name, channels, chosen):
    with pytest.raises(ValueError, match=rf"{name} got .*: expected"):
        partial(MIXERS[name], channels)(**chosen)
