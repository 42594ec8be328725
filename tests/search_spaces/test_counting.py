"""Counting a network refuses what cannot be built, and counts the same however often it is asked."""

import pytest

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.counting import count_parts, total_stride
from search_spaces.errors import ArchitectureError, UnknownNameError


def network(**choices):
    stage = Stage(block="metaformer", channels=32, depth=2, stride=2, options=options_of(choices))
    return Architecture(network="pyramid", resolution=16, stages=(stage,))


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        (
            {"mixer": "depthwize"},
            UnknownNameError,
            "'depthwize'. Did you mean 'depthwise'",
        ),
        ({"mixer": "depthwise", "kernal": 3}, ArchitectureError, "got the option 'kernal': expected one of"),
        ({"mixer": "no.such:MIXER"}, UnknownNameError, "Cannot take the mixer 'no.such:MIXER'"),
    ],
)
def test_what_nobody_knows_is_refused_alike_by_counting_and_building(choices, error, said):
    for refuse in (search_spaces.count, search_spaces.build):
        with pytest.raises(error, match=said):
            refuse(network(**choices), num_classes=2)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"mixer": "depthwise", "kernel": 4}, "kernel 4: expected an odd number"),
        ({"mixer": "attention", "head_channels": 24}, "heads of 24: expected heads that divide"),
        ({}, "mixer"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(choices, said):
    with pytest.raises(ArchitectureError, match=said):
        search_spaces.build(network(**choices), num_classes=2)


def test_deeper_networks_of_equal_blocks_cost_a_block_more_each():
    def costs(depth):
        stage = Stage(
            block="metaformer", channels=16, depth=depth, options=options_of({"mixer": "depthwise"})
        )
        return search_spaces.count(
            Architecture(network="pyramid", resolution=16, stages=(stage,)), num_classes=2
        )

    one, two, three = costs(1), costs(2), costs(3)
    assert three.macs - two.macs == two.macs - one.macs > 0
    assert one.peak == two.peak == three.peak


def test_the_deploy_form_is_never_dearer():
    for name in search_spaces.references():
        architecture = search_spaces.reference(name)
        trained = search_spaces.count(architecture, num_classes=10)
        deployed = search_spaces.count(architecture, num_classes=10, deploy=True)
        assert deployed.macs <= trained.macs
        assert deployed.params <= trained.params


def test_the_parts_of_a_network_add_up_to_it():
    for name in ("mobilevit_xxs_256", "mobilenet_v2_1.0_224"):
        architecture = search_spaces.reference(name)
        for deploy in (False, True):
            parts = count_parts(architecture, num_classes=10, deploy=deploy)
            costs = search_spaces.count(architecture, num_classes=10, deploy=deploy)
            assert [part.stage for part in parts] == [None, *architecture.stages, None]
            for cost in ("macs", "params", "activations", "weights"):
                assert sum(getattr(part.costs, cost) for part in parts) == getattr(costs, cost)
            assert max(part.costs.peak for part in parts) == costs.peak
            assert parts[-1].channels == 10


@pytest.mark.parametrize(
    ("network", "options", "stride"),
    [
        *(("patchified", {"patch": side}, side) for side in (3, 4, 7, 14)),
        *(("pyramid", {"stem_stride": stride}, stride) for stride in (1, 2, 3, 5)),
        ("pyramid", {"stem_form": "patch", "stem_stride": 7}, 7),
        ("pyramid", {"padding": "same", "stem_stride": 3}, 3),
        ("conv_stem", {"stem_depth": 4}, 16),
    ],
)
def test_strides_multiply_exactly_with_that_of_any_stem(network, options, stride):
    assert total_stride(network, options_of(options), (2, 3)) == 6 * stride
