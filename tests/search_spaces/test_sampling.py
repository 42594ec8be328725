"""Uniform over what fits, also where almost nothing does; and one line where nothing does."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

import search_spaces
from search_spaces.architecture import Option, options_of
from search_spaces.budget import Budget
from search_spaces.budget_counting import ways
from search_spaces.errors import NothingFitsError
from search_spaces.pricing import prices
from search_spaces.sampling import check_satisfiable, fitting_codes, share_that_fits, uniform_codes
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace

CHOICES: dict[str, tuple[Option, ...]] = {
    "mixer": ("depthwise", "separable_attention"),
    "kernel": (3, 5),
    "expansion": (2, 4),
}
SMALL = SearchSpace(
    name="small",
    resolution=(16, 24, 32),
    width=(1.0, 2.0),
    conv_depth=(0.5, 1.0, 2.0),
    attention_depth=(0.5, 1.0),
    options=options_of({"stem_channels": 16, "stem_stride": 1}),
    stages=(
        StageSpace(channels=16, depth=(1,), options=CHOICES),
        StageSpace(channels=32, depth=(2,), stride=2, options=CHOICES),
        StageSpace(channels=48, depth=(2,), stride=2, options=CHOICES),
    ),
)
TABLE = prices(SMALL.codes, num_classes=10, in_channels=1)


def everything():
    """Return the codes of every network of the small space, found the slow way."""
    codes = np.array(list(itertools.product(*map(range, SMALL.codes.radices))))
    return codes[(SMALL.codes.canonical(codes) == codes).all(axis=1)]


EVERY = everything()


def budget_met_by(share: float, resource: str) -> Budget:
    cost = int(np.quantile(TABLE.of(EVERY, resource), share))
    return Budget(resource=resource, limit=cost, text=f"{cost}-{resource}")


def fitting(budgets) -> set[tuple[int, ...]]:
    kept = (TABLE.excess(EVERY, budgets) <= 0).all(axis=1)
    return set(map(tuple, EVERY[kept].tolist()))


def test_the_space_says_its_size():
    assert SMALL.size == len(EVERY)


@pytest.mark.parametrize(
    "budgets",
    [
        (),
        (budget_met_by(0.5, "macs"),),
        (budget_met_by(0.01, "macs"),),
        (budget_met_by(0.1, "macs"), budget_met_by(0.3, "params")),
        (budget_met_by(0.1, "activations"), budget_met_by(0.1, "params"), budget_met_by(0.5, "peak")),
        (budget_met_by(0.05, "peak"),),
        (budget_met_by(0.3, "macs"), budget_met_by(0.2, "activations"), budget_met_by(0.2, "weights")),
    ],
    ids=["none", "half", "rare", "two sums", "two sums and a maximum", "a maximum", "three sums"],
)
@pytest.mark.parametrize("listing", [True, False], ids=["listed", "drawn"])
def test_draws_are_uniform_over_what_fits(budgets, listing, monkeypatch):
    monkeypatch.setattr("search_spaces.sampling._FEW", 20_000 if listing else -(10**9))
    wanted = sorted(fitting(budgets))
    assert wanted
    n = 20 * len(wanted)
    codes = fitting_codes(TABLE, np.random.default_rng(1), n, budgets)
    found, counts = np.unique(codes, axis=0, return_counts=True)
    assert set(map(tuple, found.tolist())) <= set(wanted)
    counts = np.concatenate([counts, np.zeros(len(wanted) - len(found))])
    assert chisquare(counts).pvalue > 1e-6  # false alarms: one run in a million


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2])
def test_the_counted_ways_let_every_fitting_network_through(share):
    budgets = (budget_met_by(share, "macs"), budget_met_by(0.5, "params"))
    passed = set(map(tuple, ways(TABLE, budgets).every().tolist()))
    assert fitting(budgets) <= passed
    assert len(passed) == ways(TABLE, budgets).total


@pytest.mark.slow
def test_distinct_draws_are_distinct_and_as_many_as_there_are():
    budgets = (budget_met_by(0.02, "macs"),)
    there = len(fitting(budgets))
    for n in (there // 2, there, 2 * there):
        codes = fitting_codes(TABLE, np.random.default_rng(0), n, budgets, distinct=True)
        assert len(codes) == len(np.unique(codes, axis=0)) == min(n, there)
    everyone = fitting_codes(TABLE, np.random.default_rng(0), 2 * len(EVERY), (), distinct=True)
    assert len(everyone) == len(EVERY)


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5])
def test_the_estimated_share_is_near_the_true_one(share):
    budgets = (budget_met_by(share, "macs"),)
    true = len(fitting(budgets)) / SMALL.size
    estimate = share_that_fits(TABLE, np.random.default_rng(0), budgets)
    assert estimate == pytest.approx(true, rel=0.35)  # five deviations of 400 hits: one run in a million


def test_equal_generators_draw_the_same_whatever_the_global_one_says():
    budgets = (budget_met_by(0.01, "macs"),)
    np.random.seed(1)  # noqa: NPY002 (the global generator must not matter)
    first = fitting_codes(TABLE, np.random.default_rng(5), 50, budgets)
    np.random.seed(2)  # noqa: NPY002
    assert (fitting_codes(TABLE, np.random.default_rng(5), 50, budgets) == first).all()
    assert (
        uniform_codes(SMALL.codes, np.random.default_rng(5), 50)
        == uniform_codes(SMALL.codes, np.random.default_rng(5), 50)
    ).all()


def test_a_budget_nothing_fits_says_what_the_smallest_needs():
    with pytest.raises(NothingFitsError, match=r"fits 1k-MACs: the smallest needs [\d.]+M macs\."):
        fitting_codes(TABLE, np.random.default_rng(0), 1, [Budget.parse("1k-MACs")])
    assert NothingFitsError.exit_status == 3


def test_budgets_met_alone_but_not_together_say_so():
    # At 16 channels and 32 x 32 positions a 13 x 13 kernel has more params and fewer MACs than attention.
    stage = StageSpace(channels=16, options={"mixer": ("depthwise", "attention"), "depthwise.kernel": (13,)})
    options = options_of({"stem_channels": 16, "stem_stride": 1})
    space = SearchSpace(name="torn", resolution=(32,), stages=(stage,), options=options)
    table = prices(space.codes, num_classes=10)
    together = [
        Budget(resource=resource, limit=table.extremes(resource)[0], text=f"least {resource}")
        for resource in ("macs", "params")
    ]
    for alone in together:
        assert len(fitting_codes(table, np.random.default_rng(0), 1, [alone])) == 1
    with pytest.raises(NothingFitsError, match="fits least macs and least params together"):
        fitting_codes(table, np.random.default_rng(0), 1, together)
    assert share_that_fits(table, np.random.default_rng(0), together) == 0


@pytest.mark.parametrize(
    ("mixers", "resource"),
    [
        (("additive_attention", "attention"), "params"),
        (("additive_attention", "attention"), "activations"),
        (("recursive_gated_conv", "windowed_attention"), "params"),
    ],
)
def test_budgets_that_exclude_each_other_say_so_also_where_one_is_a_peak(mixers, resource):
    stage = StageSpace(channels=16, depth=(1,), options={"mixer": mixers})
    options = options_of({"stem_channels": 16, "stem_stride": 1})
    space = SearchSpace(name="opposed", resolution=(16,), stages=(stage,), options=options)
    table = prices(space.codes, num_classes=10)
    together = [
        Budget(resource=name, limit=table.extremes(name)[0], text=f"least {name}")
        for name in (resource, "peak")
    ]
    for alone in together:
        check_satisfiable(table, [alone])
    for budgets in (together, together[::-1], [*together, Budget.parse("1G-MACs"), Budget.parse("3ms@cpu")]):
        with pytest.raises(NothingFitsError, match="together, though some fit each alone"):
            check_satisfiable(table, budgets)
        with pytest.raises(NothingFitsError, match="together, though some fit each alone"):
            fitting_codes(table, np.random.default_rng(0), 9, budgets, distinct=True)
        assert share_that_fits(table, np.random.default_rng(0), budgets) == 0
        assert ways(table, tuple(b for b in budgets if b.counted)).total == 0


def test_a_byte_an_element_allows_four_times_the_elements():
    least, most = TABLE.extremes("peak")
    fp32 = Budget(resource="peak", limit=(least + most) / 2, text="fp32")
    int8 = Budget(resource="peak", limit=(least + most) / 8, text="int8", bytes_per_element=1)
    assert fitting((fp32,)) == fitting((int8,))
    first, second = (
        fitting_codes(TABLE, np.random.default_rng(0), 20, [budget, budget_met_by(0.01, "macs")])
        for budget in (fp32, int8)
    )
    assert (first == second).all()


def test_a_deep_space_is_counted_and_drawn_from_in_a_moment():
    stage = StageSpace(channels=16, depth=(2,), options=CHOICES)
    deep = SearchSpace(
        name="deep",
        resolution=(16,),
        conv_depth=(0.5, 1.0, 2.0),
        attention_depth=(0.5, 1.0),
        options=options_of({"stem_channels": 16, "stem_stride": 1}),
        stages=(stage,) * 24,
    )
    conv, attention = 4, 2  # items of the menu; a factor tells apart only what it stands over
    mixed = (conv + attention) ** 24 - conv**24 - attention**24
    assert deep.size == 6 * mixed + 3 * conv**24 + 2 * attention**24
    least, most = prices(deep.codes, num_classes=10).extremes("macs")
    budget = Budget(resource="macs", limit=least + (most - least) // 20, text="tight")
    found = fitting_codes(prices(deep.codes, num_classes=10), np.random.default_rng(0), 20, [budget])
    assert (prices(deep.codes, num_classes=10).of(found, "macs") <= budget.limit).all()


@pytest.mark.slow
def test_sampling_architectures_meets_budgets_in_every_catalog_space():
    tight = {
        "hybrid": "40M-MACs",
        "mobile_cnn": "7M-MACs",
        "hybrid_small": "3M-MACs",
        "mobile_small": "1M-MACs",
    }
    for name, text in tight.items():
        space = search_spaces.load(name)
        budgets = [Budget.parse(text), Budget.parse("2M-params")]
        found = space.sample(np.random.default_rng(0), budgets=budgets, num_classes=10)
        costs = search_spaces.count(found, num_classes=10, deploy=True)
        assert costs.macs <= budgets[0].limit
        assert costs.params <= 2e6


def test_the_excess_has_one_column_for_each_counted_budget():
    budgets = [Budget.parse(text) for text in ("1M-MACs", "2ms@cpu", "20k-params", "64KiB-peak")]
    codes = everything()[:5]
    excess = TABLE.excess(codes, budgets)
    assert excess.shape == (5, 3)
    for column, budget in zip(excess.T, (b for b in budgets if b.counted), strict=True):
        assert column == pytest.approx(
            [budget.excess(float(cost)) for cost in TABLE.of(codes, budget.resource)]
        )


def test_distinct_draws_never_list_more_networks_than_memory_holds(monkeypatch):
    monkeypatch.setattr("search_spaces.sampling._BATCH", 1)
    monkeypatch.setattr("search_spaces.sampling._PLENTY", 0.0)  # as if the probe had found enough by luck
    monkeypatch.setattr("search_spaces.sampling._STILL_LISTED", -(10**9))
    monkeypatch.setattr("search_spaces.budget_counting.Ways.every", None)
    budgets = (budget_met_by(0.01, "macs"),)
    there = fitting(budgets)
    n = len(there) // 5  # below the 4 n of which all are listed
    for seed in range(20):  # uniform draws yield enough for some of them alone
        rows = fitting_codes(TABLE, np.random.default_rng(seed), n, budgets, distinct=True)
        assert len(rows) == n
        assert len(set(map(tuple, rows.tolist())) & there) == n


def test_distinct_draws_end_where_no_further_network_is_found(monkeypatch):
    monkeypatch.setattr("search_spaces.sampling._FEW", -(10**9))
    monkeypatch.setattr("search_spaces.sampling._STILL_LISTED", -(10**9))
    monkeypatch.setattr("search_spaces.sampling._MOST_DRAWS", 20_000)
    budgets = (budget_met_by(0.01, "macs"), budget_met_by(0.3, "params"), budget_met_by(0.003, "activations"))
    there, total = fitting(budgets), ways(TABLE, budgets).total
    n = len(there) + 1
    monkeypatch.setattr("search_spaces.sampling.ways", lambda *args: _Many(ways(*args)))
    rows = fitting_codes(TABLE, np.random.default_rng(0), n, budgets, distinct=True)
    assert total >= len(rows) == len(there)


class _Many:
    """Ways that say they are too many to list."""

    total = 1e12

    def __init__(self, table):
        self.draw = table.draw
