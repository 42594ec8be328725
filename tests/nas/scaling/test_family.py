"""Every scaled network fits its budget and fills it, and published families come out of their rules."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import search_spaces
from nas.scaling.family import base_of, check_budgets, family, write
from nas.scaling.rules import RULES, RuleError, compound, fast_compound
from nas.scaling.scaled_architecture import ScalingFactors, scaled
from nas.study.network_lookup import FoundNetwork, find_network
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.budget import Budget
from search_spaces.counting import count
from search_spaces.errors import BudgetError, InvalidValueError, NothingFitsError, StudyError
from search_spaces.options import parts_inside
from search_spaces.pricing import prices
from tests.nas.explained import studied

TINY = ("a_192", "b_188", "c_184", "d_152", "e_106")
# Millions of MACs and of parameters, counted with the released coefficients (timm's EfficientNets).
EFFICIENT = {"b4": (4394, 19.34), "b5": (10266, 30.39), "b6": (19068, 43.04), "b7": (37746, 66.35)}


QUICK = "epochs: 1\nrungs: [1]\nbatch_size: 128\nrecalibration_batches: 1\nwarmup_epochs: 0\n"


def named(name: str) -> FoundNetwork:
    return FoundNetwork(
        name=name, architecture=search_spaces.reference(name), num_classes=1000, in_channels=3
    )


def cost(network):
    return search_spaces.count(network, num_classes=1000, deploy=True)


def member(found: FoundNetwork, budget: str, rule: str, study=None):
    return family(found, base_of(found, study), [Budget.parse(budget)], rule)[0]


@pytest.mark.parametrize("name", TINY)
def test_tinynets_come_out_of_their_rule_at_their_macs(name):
    published = search_spaces.reference(f"tinynet_{name}")
    macs = search_spaces.count(published, num_classes=1000).macs
    assert member(named("efficientnet_b0_224"), f"{macs}-MACs", "tinynet").architecture == published


@pytest.mark.parametrize("name", compound.PUBLISHED)
def test_efficientnets_come_out_of_the_released_coefficients(name):
    width, depth, side = compound.PUBLISHED[name]
    base = search_spaces.reference("efficientnet_b0_224")
    made = scaled(base, ScalingFactors(resolution=side / 224, width=width, conv_depth=depth, up=True))
    if f"efficientnet_{name}_{side}" in search_spaces.references():
        assert made == search_spaces.reference(f"efficientnet_{name}_{side}")
    else:
        costs = search_spaces.count(made, num_classes=1000)
        assert (round(costs.macs / 1e6), round(costs.params / 1e6, 2)) == EFFICIENT[name]


def test_released_coefficients_are_the_powers_of_the_formula_but_for_rounding():
    # B1 and B2 are phi 1/2 and 1; the larger ones follow their sides.
    for name, (width, depth, side) in compound.PUBLISHED.items():
        phi = np.log(side / 224) / np.log(compound.RESOLUTION)
        shape = compound.at(float(phi))
        assert shape.width == pytest.approx(width, rel=0.07), name
        assert shape.conv_depth == pytest.approx(depth, rel=0.2), name


@pytest.mark.parametrize("growth", [0.25, 2.0, 4.0, 16.0])
def test_fast_compound_spends_the_growth_as_published(growth):
    base = base_of(named("efficientnet_b0_224"), None)
    shape = fast_compound.RULE(base, growth)
    assert shape.conv_depth * shape.width**2 * shape.resolution**2 == pytest.approx(growth)
    activations = shape.conv_depth * shape.width * shape.resolution**2
    assert activations == pytest.approx(growth**0.6)  # the abstract's "close to O(sqrt(s))"


def scaled_triples(n: int) -> tuple[list[float], int]:
    """Return the share of the budget that `n` random (network, budget, rule) take, and how many have none.

    Where the rule is refused, that not even its narrowest network fits at any strength is checked.
    """
    rng = np.random.default_rng(0)
    names, rules = search_spaces.references(), ("compound", "fast_compound", "tinynet")
    kinds = {"macs": "MACs", "params": "params"}
    shares, refused = [], 0
    for _ in range(n):
        name, rule = str(rng.choice(names)), str(rng.choice(rules))
        resource = str(rng.choice(list(kinds)))
        found = named(name)
        now = getattr(cost(found.architecture), resource)
        limit = int(now * np.exp(rng.uniform(np.log(0.05), 0.0 if rule == "tinynet" else np.log(8))))
        try:
            made = member(found, f"{limit}-{kinds[resource]}", rule)
        except NothingFitsError:
            refused += 1
            for ratio in np.geomspace(1e-5, 1.0, 21):
                shape = replace(RULES[rule](base_of(found, None), float(ratio)), width=1e-3)
                narrow = scaled(found.architecture, shape)
                assert getattr(cost(narrow), resource) > limit, (name, rule, limit)
            continue
        shares.append(getattr(cost(made.architecture), resource) / limit)
    return shares, refused


@pytest.mark.slow
def test_scaled_networks_fit_their_budgets_and_fill_them():
    shares, refused = scaled_triples(60)
    assert 0.96 <= min(shares) <= max(shares) <= 1
    assert refused <= 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilevit_xxs_256", "convnext_atto_224", "mobilenet_v3_small_224"])
def test_scaled_networks_run_and_are_networks_to_other_commands(name, tmp_path):
    found = named(name)
    made = family(
        found, base_of(found, None), [Budget.parse("60M-MACs"), Budget.parse("400M-MACs")], "compound"
    )
    files = write(made, tmp_path)
    for file, member in zip(files, made, strict=True):
        again = find_network(str(file), "sqlite://")
        assert again.architecture == member.architecture
        module = search_spaces.build(member.architecture, num_classes=1000).eval()
        side = member.architecture.resolution
        assert module(torch.zeros(1, 3, side, side)).shape == (1, 1000)
        assert json.loads(json.dumps(member.to_json()))["share"] <= 1


def grows(params, costs, rng):
    return (
        0.5 + 0.05 * np.log(costs.macs) + 0.02 * (params["resolution"] == 16) + 0.001 * rng.standard_normal()
    )


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["front", "x3d"])
@pytest.mark.parametrize("budget", ["3M-MACs", "300k-MACs"])
def test_a_study_is_scaled_by_its_own_knowledge(storage, tiny_prices, rule, budget):
    study = studied(storage, tiny_prices, grows, trials=30)
    found = find_network("trained", study._storage._backend.url)
    made = member(found, budget, rule, study)
    assert 0.98 <= made.share <= 1
    assert made.architecture.resolution >= 8


def deepens(params, costs, rng):
    depth = 0.04 * np.log(params["attention_depth"]) * (np.log(costs.macs) - 14)
    return 0.5 + 0.03 * np.log(costs.macs) + depth + 0.001 * rng.standard_normal()


@pytest.mark.slow
def test_a_front_of_mobilevits_is_followed_in_transformers(storage):
    """Values favour many transformers in large networks and few in small ones."""
    table = prices(search_spaces.load("mobilevit_small").codes, num_classes=10, in_channels=1)
    study = studied(storage, table, deepens, trials=60)
    found = find_network("trained", study._storage._backend.url)
    base = base_of(found, study)
    small, large = family(found, base, [Budget.parse("3M-MACs"), Budget.parse("60M-MACs")], "front")
    for made in (small, large):
        assert 0.98 <= made.share <= 1
    inside = [sum(parts_inside(s) for s in made.architecture.stages if s.mixer) for made in (small, large)]
    assert inside[0] < inside[1]
    assert all(
        stage.depth == 1 for made in (small, large) for stage in made.architecture.stages if stage.mixer
    )


@pytest.mark.slow
def test_far_from_its_front_a_study_is_scaled_about_as_compound_scaling_would(storage, tiny_prices):
    study = studied(storage, tiny_prices, grows, trials=30)
    base = base_of(find_network("trained", study._storage._backend.url), study)
    assert base.front is not None
    small, large = (base.front(float(np.log(base.macs * ratio))) for ratio in (1e-3, 1e3))
    slope = np.log(large.resolution / small.resolution) / np.log(1e6)
    # The compound slope is 0.21; the front moves it by no more than three of its prior's deviations.
    assert slope == pytest.approx(np.log(1.15) / np.log(1.92), abs=0.3)
    assert large.conv_depth > small.conv_depth


def test_a_rule_that_is_not_defined_for_a_network_says_what_it_needs():
    for rule, needs in (("front", "expected a study"), ("x3d", "or --train")):
        with pytest.raises(RuleError, match=needs):
            member(named("mobilenet_v2_1.0_224"), "100M-MACs", rule)
    with pytest.raises(RuleError, match="only shrinks"):
        member(named("mobilenet_v2_1.0_224"), "1G-MACs", "tinynet")


def test_budgets_that_cannot_be_met_get_one_line():
    with pytest.raises(NothingFitsError, match=r"the narrowest needs .* macs"):
        member(named("mobilenet_v2_1.0_224"), "1k-MACs", "compound")
    with pytest.raises(BudgetError, match="can be counted"):
        check_budgets([Budget.parse("5ms@cpu")])
    with pytest.raises(BudgetError, match="No budget"):
        check_budgets([])


def test_a_study_with_too_few_networks_is_not_followed(storage, tiny_prices):
    study = studied(storage, tiny_prices, grows, trials=3)
    found = find_network("trained", study._storage._backend.url)
    with pytest.raises(StudyError, match="expected at least 10"):
        base_of(found, study)


def test_a_family_is_for_the_classes_and_channels_that_are_asked_for():
    import nas

    (made,) = nas.scale("mobilenet_v2_0.35_96", budget="8M-MACs", classes=10, channels=1)
    assert made.costs == count(made.architecture, num_classes=10, in_channels=1, deploy=True)
    with pytest.raises(InvalidValueError, match="Cannot use --classes 1: expected at least 2"):
        nas.scale("mobilenet_v2_0.35_96", budget="8M-MACs", classes=1)
    with pytest.raises(InvalidValueError, match="Cannot use --channels 70000: expected at most 65,536"):
        nas.scale("mobilenet_v2_0.35_96", budget="8M-MACs", channels=70_000)
    with pytest.raises(InvalidValueError, match="Cannot use --channels with --train"):
        nas.scale("mobilenet_v2_0.35_96", budget="8M-MACs", rule="x3d", train=True, channels=3)


@pytest.mark.slow
def test_steps_can_be_decided_by_real_trainings(tiny_prices, tmp_path):
    import nas

    space = tiny_prices.codes.space
    (tmp_path / "small.json").write_text(space.sample(np.random.default_rng(0)).to_json())
    (tmp_path / "quick.yaml").write_text(QUICK)
    heard: list[str] = []
    (made,) = nas.scale(
        str(tmp_path / "small.json"),
        budget="1200k-MACs",
        rule="x3d",
        train=True,
        recipe=str(tmp_path / "quick.yaml"),
        report_line=heard.append,
    )
    assert made.share >= 0.98
    assert len(heard) >= 2  # one for each axis that moves the MACs
    assert all("%" in line for line in heard)


def test_every_rule_is_on_the_shelf():
    assert sorted(RULES) == ["compound", "fast_compound", "front", "tinynet", "x3d"]


@pytest.mark.parametrize(("factor", "mixers"), [(0.34, "a"), (0.67, "ca"), (1.0, "cca"), (2.0, "ccccaa")])
def test_a_stage_of_different_blocks_scales_with_its_last_block_in_place(factor, mixers):
    conv = options_of({"mixer": "depthwise", "kernel": 5})
    blocks = [conv, conv, options_of({"mixer": "attention"})]
    network = Architecture(
        network="pyramid", resolution=32, stages=(Stage.made_of("metaformer", 32, 2, blocks),)
    )
    (stage,) = scaled(network, ScalingFactors(attention_depth=factor, conv_depth=9.0)).stages
    assert (
        "".join(str(dict(options)["mixer"])[0].replace("d", "c") for options in stage.block_options) == mixers
    )
