import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trials.training.seeding import generator, seeded_build, stream_seed, trial_seed

seeds = st.integers(0, 2**63 - 1)


@given(seeds, st.integers(0, 10_000))
def test_a_trials_seed_may_seed_streams_and_generators(seed, trial):
    derived = trial_seed(seed, trial)
    assert 0 <= derived < 2**63
    assert generator(derived, "order", 3).initial_seed() == stream_seed(derived, "order", 3)


def test_streams_of_other_seeds_purposes_and_epochs_differ():
    names = [(s, p, e) for s in range(10) for p in ("order", "augmentation") for e in range(10)]
    assert len({stream_seed(*name) for name in names}) == len(names)
    assert len({trial_seed(seed, trial) for seed in range(10) for trial in range(10)}) == 100


def test_seeds_are_the_same_on_every_machine():
    assert trial_seed(0, 12) == 6271193188109598843
    assert stream_seed(7, "order", 2) == 3997624803261865401


@given(seeds, st.integers(0, 99))
def test_a_seeded_network_does_not_depend_on_the_global_generator_nor_change_it(seed, other):
    torch.manual_seed(other)
    before = torch.get_rng_state()
    one = seeded_build(lambda: nn.Linear(3, 2), seed)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(other + 1)
    two = seeded_build(lambda: nn.Linear(3, 2), seed)
    assert torch.equal(one.weight, two.weight)
