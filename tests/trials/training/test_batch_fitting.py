"""The batch that memory allows, and the rate that goes with it."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.trials.training.test_loop import run, same, weights
from trials.training import batch_fitting
from trials.training.batch_fitting import kept_bytes, largest_batch, with_batch
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
GROWING = Recipe(name="growing", epochs=3, batch_size=4, largest_batch=64)
SHAPE = (3, 12, 12)


@given(st.integers(2, 4096), st.floats(1e-6, 1.0), st.sampled_from([None, 32, 256]))
def test_the_rate_is_in_proportion_to_the_batch(batch, rate, meant):
    recipe = Recipe(name="own", epochs=1, warmup_epochs=0, learning_rate=rate, rate_batch=meant)
    settled = with_batch(recipe, batch)
    assert settled.batch_size == batch
    assert settled.learning_rate == pytest.approx(rate * batch / (meant or recipe.batch_size))
    assert with_batch(settled, batch) == settled


def test_a_recipe_that_leaves_nothing_to_memory_keeps_its_rate_to_the_last_bit():
    recipe = Recipe(name="own", epochs=1, warmup_epochs=0, learning_rate=0.1, batch_size=7)
    assert with_batch(recipe, recipe.batch_size) == recipe


def test_the_batch_doubles_as_far_as_memory_recipe_and_images_allow(small_network):
    network = small_network()

    def found_with(free: int) -> int:
        return largest_batch(network, GROWING, SHAPE, images=1000, device=CPU, free=lambda _: free)

    found = [found_with(size) for size in [0, *(2**power for power in range(10, 40))]]
    assert found[0] == GROWING.batch_size
    assert found[-1] == GROWING.largest_batch
    assert found == sorted(found)
    assert set(found) == {4, 8, 16, 32, 64}
    few = largest_batch(network, GROWING, SHAPE, images=20, device=CPU, free=lambda _: 2**40)
    assert few == 16
    assert largest_batch(network, GROWING, SHAPE, images=1000, device=CPU, free=lambda _: None) == 4


def test_looking_for_it_changes_neither_the_network_nor_the_generators(small_network):
    network = small_network()
    before, state = weights(network), torch.get_rng_state()
    largest_batch(network, GROWING, SHAPE, images=1000, device=CPU, free=lambda _: 2**40)
    assert same(weights(network), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_kept_grows_with_maps_and_holds_no_weights(small_network):
    recipe = GROWING.model_copy(update={"precision": "fp32"})
    small, large = (kept_bytes(small_network(), recipe, (3, side, side), CPU) for side in (12, 24))
    assert 3.5 * small < large < 4.5 * small
    maps = 2 * 12 * 12 * (3 + 3 * 8) + 2 * 6 * 6 * 3 * 16  # images, and three maps of each convolution
    assert 0.6 * 4 * maps < small < 1.1 * 4 * maps


def test_a_training_goes_on_with_the_batch_that_it_began_with(
    small_network, tiny_splits, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_fitting, "free_memory", lambda _: 2**40)
    unbroken = small_network()
    expected = list(run(unbroken, tiny_splits, GROWING))
    assert [result.batch_size for result in expected] == [64, 64, 64]
    checkpoint, resumed = tmp_path / "checkpoint.pt", small_network()
    list(islice(run(small_network(), tiny_splits, GROWING, checkpoint=checkpoint), 2))
    monkeypatch.setattr(batch_fitting, "free_memory", lambda _: 0)  # another program takes it now
    assert list(run(resumed, tiny_splits, GROWING, checkpoint=checkpoint)) == expected
    assert same(weights(resumed), weights(unbroken))


def test_a_batch_that_was_found_is_trained_as_one_that_was_asked_for(small_network, tiny_splits, monkeypatch):
    monkeypatch.setattr(batch_fitting, "free_memory", lambda _: 2**40)
    found, asked = small_network(), small_network()
    list(run(found, tiny_splits, GROWING))
    named = Recipe(name="asked", epochs=3, batch_size=64, rate_batch=4)
    list(run(asked, tiny_splits, named))
    assert same(weights(found), weights(asked))
