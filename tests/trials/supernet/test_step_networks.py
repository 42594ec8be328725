"""Networks of the steps: rules, bands and equal turns."""

from collections import Counter

import numpy as np
import pytest

from search_spaces.pricing import prices
from tests.trials.supernet.supernets import RULES, SPACE, recipe_of
from trials.supernet.step_networks import StepNetworks

TABLE = prices(SPACE.codes, num_classes=10, in_channels=1)
LEAST, MOST = TABLE.extremes("macs")


def networks_of(rule, band=None, seed=0, **options):
    return StepNetworks(SPACE, recipe_of(rule, **options), band, num_classes=10, in_channels=1, seed=seed)


def macs(network):
    return int(TABLE.of(SPACE.codes.code_of(network)[None], "macs")[0])


@pytest.mark.parametrize("rule", RULES)
def test_the_networks_of_an_epoch_depend_on_seed_and_number_alone(rule):
    first, again = networks_of(rule), networks_of(rule)
    again.of_epoch(1, 5)
    assert first.of_epoch(2, 5) == again.of_epoch(2, 5)
    assert first.of_epoch(2, 5) != first.of_epoch(3, 5)
    assert first.of_epoch(2, 5) != networks_of(rule, seed=1).of_epoch(2, 5)


@pytest.mark.parametrize("rule", ["sandwich", "sorted"])
def test_a_sandwich_lies_between_reach_and_the_low_end_of_its_band(rule):
    low, high = int(0.7 * LEAST + 0.3 * MOST), int(0.4 * LEAST + 0.6 * MOST)
    steps = networks_of(rule, (low, high), reach=1.2, drawn=3).of_epoch(1, 20)
    for step in steps:
        assert step.largest is not None
        smallest, *others = step.others
        assert 0.9 * 1.2 * high <= macs(step.largest) <= 1.2 * high
        assert low <= macs(smallest) <= low + 0.1 * (high - low)
        assert len(others) == 3
        assert all(low <= macs(network) <= high for network in others)


def test_where_the_whole_space_is_in_reach_the_large_networks_have_the_largest_of_all_that_nests():
    for step in networks_of("sandwich").of_epoch(1, 30):
        assert step.largest is not None
        values = SPACE.params(step.largest)
        for name, largest in {
            "width": 1.0,
            "resolution": 12,
            "stage1.kernel": 5,
            "stage2.expansion": 2,
        }.items():
            if name != "stage1.kernel" or values["stage1.mixer"] == "depthwise":
                assert values[name] == largest


def test_a_band_bounds_the_networks_of_single_paths():
    band = (LEAST + (MOST - LEAST) // 4, LEAST + (MOST - LEAST) // 3)
    for step in networks_of("single_path", band, drawn=1).of_epoch(1, 50):
        assert step.largest is None
        assert band[0] <= macs(step.others[0]) <= band[1]


def test_fair_turns_use_each_choice_equally_often_also_across_epochs():
    networks = networks_of("fair", drawn=1)
    seen = [step.others[0] for epoch in (1, 2) for step in networks.of_epoch(epoch, 24)]
    codes = np.array([SPACE.codes.code_of(network) for network in seen])
    for stage in (4, 5):
        counts = Counter(codes[:, stage].tolist())
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == SPACE.codes.radices[stage]
