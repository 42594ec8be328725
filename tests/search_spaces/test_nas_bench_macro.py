"""NAS-Bench-Macro as a YAML space: its 6,561 networks are those that the published table counts."""

import numpy as np
import pytest
import torch

import search_spaces
from search_spaces.pricing import prices
from tests.benchmarks.macro_table import TABLE, architecture_of, codes_of, digits_of, macro_space, read_table


@pytest.mark.parametrize(
    ("digits", "params", "macs"),
    [
        ("00000000", 387_882, 7_713_280),
        ("22222222", 2_932_586, 105_660_928),
        ("02012100", 890_666, 47_327_744),
    ],
)
def test_networks_cost_what_was_published(digits, params, macs):
    counted = search_spaces.count(architecture_of(digits), num_classes=10)
    assert (counted.params, counted.macs) == (params, macs)


def test_every_network_of_the_table_is_one_of_the_space_at_the_same_cost():
    if not TABLE.exists():
        pytest.skip("NAS-Bench-Macro is not at ../shared/data/nas-bench-macro")
    table, space = read_table(), macro_space()
    assert space.size == len(set(table.names)) == 6561
    codes = codes_of(table.names)
    assert all(space.codes.at(codes[row]) == architecture_of(table.names[row]) for row in range(0, 6561, 500))
    priced = prices(space.codes, num_classes=10, deploy=False)
    assert np.array_equal(priced.of(codes, "macs"), table.macs)
    assert np.array_equal(priced.of(codes, "params"), table.params)


def test_digits_and_architectures_name_each_other():
    assert {digits_of(architecture_of(name)) for name in ("01201200", "22222222")} == {"01201200", "22222222"}


def test_a_layer_left_out_passes_its_input_on_and_one_that_changes_the_shape_is_a_convolution():
    network = search_spaces.build(architecture_of("00000000"), num_classes=10)
    kinds = [type(m).__name__ for name, m in network.named_modules() if name.startswith("stages.")]
    assert kinds.count("Conv2d") == kinds.count("BatchNorm2d") == 3
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
