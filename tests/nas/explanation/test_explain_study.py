"""An explanation finds what made the accuracies, and says so where nothing did."""

import json
import re
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution

from dashboards.explanation_tables import print_explanation, rule_text
from dashboards.reports import REPORTS
from dashboards.reports.html import report_page
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.problem import Source
from nas.explanation.best_settings import best_settings
from nas.explanation.effects import Effects
from nas.explanation.evidence import of_study, of_trials
from nas.explanation.explain_study import explain_study, write_figures
from nas.explanation.factor_levels import factor_settings, independent, kinds
from nas.explanation.source_trust import source_trusts
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError, NothingFitsError, StudyError
from tests.dashboards.searches import findings, network
from tests.nas.explained import studied


def mixers_matter(params, _costs, rng):
    """Attention in the second stage gives two points, larger images one, and nothing else anything."""
    attends = params["stage2.mixer"] == "attention"
    return 0.8 + 0.02 * attends + 0.01 * (params["resolution"] == 16) + 0.001 * rng.standard_normal()


def noise(_params, _costs, rng):
    return 0.8 + 0.01 * rng.standard_normal()


@pytest.fixture(scope="module")
def explained(tmp_path_factory, tiny_prices):
    from nas.storage.optuna_storage import open_storage

    storage = open_storage(f"sqlite:///{tmp_path_factory.mktemp('study') / 'nas.db'}")
    return explain_study(studied(storage, tiny_prices, mixers_matter, trials=40))


@pytest.mark.slow
def test_the_factors_that_made_the_accuracies_are_found_with_their_effects(explained):
    first, second = explained.effects[:2]
    assert (first.factor, second.factor) == ("stage2.mixer", "resolution")
    effect = dict(zip(first.values, first.means, strict=True))
    # Three standard errors of a difference of forty networks with errors of a tenth of a point.
    assert effect["attention"] - effect["depthwise"] == pytest.approx(0.02, abs=0.003)
    assert second.means[1] - second.means[0] == pytest.approx(0.01, abs=0.003)
    assert first.share.mean > 0.6
    assert first.share.low < first.share.mean < first.share.high
    assert sum(first.trained) == explained.trained == 40


@pytest.mark.slow
def test_shares_are_of_one_whole(explained):
    total = sum(e.share.mean for e in explained.effects)
    total += sum(j.share.mean for j in explained.joint_effects if j.share is not None)
    assert total + explained.rest == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
def test_rules_name_the_best_settings_and_what_they_rest_on(explained):
    rules = {rule.factor: rule for rule in explained.rules}
    mixer = rules["stage2.mixer"]
    assert (mixer.value, mixer.warning, mixer.budget) == ("attention", None, "100M-MACs")
    assert mixer.probability > 0.9
    assert mixer.trained >= 10
    assert mixer.gain == pytest.approx(0.02, abs=0.005)
    assert "attention" in rule_text(mixer)
    assert rules["stage1.kernel"].warning is not None


@pytest.mark.slow
def test_factors_predict_better_than_macs_where_they_made_the_accuracies(explained):
    assert explained.comparison.low > 0
    assert "better than MACs alone (95 % interval +" in explained.comparison.verdict


@pytest.mark.slow
def test_an_explanation_of_noise_says_that_it_explains_nothing(storage, tiny_prices):
    found = explain_study(studied(storage, tiny_prices, noise, trials=24))
    assert found.comparison.low <= 0
    assert "better than MACs alone (" not in found.comparison.verdict
    assert sum(rule.warning is None and (rule.gain or 0.0) > 0.02 for rule in found.rules) == 0


@pytest.mark.slow
def test_what_explains_nothing_lists_no_settings_and_draws_no_effects(explained, capsys):
    useless = replace(explained.comparison, mean=explained.comparison.factors)
    empty = replace(explained, comparison=useless)
    print_explanation(empty, as_json=False)
    printed = capsys.readouterr().out
    assert "this explains nothing" in printed
    assert "not shown, because they would be noise" in printed
    assert "stage2.mixer" not in printed
    page = report_page(findings(network(), explanation=empty))
    assert "not shown, because they would be noise" in page
    assert "stage2.mixer" not in page


@pytest.mark.slow
def test_counts_are_named_with_how_far_the_networks_bear_them_out(explained, capsys):
    assert {"blocks", "log_macs", "attention_blocks"} <= {trust.source for trust in explained.sources}
    assert all(t.share.low <= t.share.mean <= t.share.high <= 1 for t in explained.sources)
    assert all(t.left_out == (t.slope == t.share.high == 0) for t in explained.sources)
    borne_out = replace(explained.sources[0], slope=0.01, error=0.002)
    print_explanation(replace(explained, sources=(borne_out, *explained.sources[1:])), as_json=False)
    printed = capsys.readouterr().out
    assert "known beforehand" in printed
    assert "+1.00 ± 0.20" in printed
    assert ("do not bear it out" in printed) == any(t.left_out for t in explained.sources[1:8])


def test_a_source_that_says_more_than_the_factors_is_borne_out_and_a_shuffled_one_is_not(
    storage, tiny_prices
):
    def hidden(params):  # differs from network to network, and no factor shows it
        return np.random.default_rng([len(repr(params)), *repr(sorted(params.items())).encode()]).normal()

    study = studied(storage, tiny_prices, lambda p, _costs, _rng: 0.8 + 0.01 * hidden(p), trials=40)
    sources = [
        Source(name="knows", expects=lambda points: np.array([hidden(p) for p in points]), of_value=True),
        Source(name="shuffled", expects=lambda points: np.array([-hidden({**p, "x": 1}) for p in points])),
    ]
    best, other = source_trusts(of_study(study), sources, np.random.default_rng(0), seed=0)
    assert (best.source, other.source) == ("knows", "shuffled")
    assert best.share.low > 0.5
    assert other.share.high < 0.2
    assert abs(best.slope - 0.01) < 3 * best.error + 0.001


def test_it_is_written_as_json_and_figures(explained, tmp_path, capsys):
    write_figures(explained, tmp_path)
    written = json.loads((tmp_path / "explanation.json").read_text())
    assert written["version"] == 1
    assert written["effects"][0]["factor"] == "stage2.mixer"
    for name in ("factor_effects", "joint_effects"):
        assert "Plotly.newPlot" in (tmp_path / f"{name}.html").read_text()
    print_explanation(explained, as_json=True)
    assert json.loads(capsys.readouterr().out) == written
    print_explanation(explained, as_json=False)
    printed = capsys.readouterr().out
    assert "stage2.mixer attention (" in printed
    assert "Not supported by the data" in printed


def test_the_report_in_markdown_has_the_best_settings_of_the_page(explained, tmp_path):
    (path,) = REPORTS["md"](findings(network(), explanation=explained), tmp_path / "report.md")
    text = path.read_text()
    assert "## Best setting of each factor" in text
    assert "| stage2.mixer | attention |" in text
    useless = replace(explained, comparison=replace(explained.comparison, mean=explained.comparison.factors))
    REPORTS["md"](findings(network(), explanation=useless), path)
    assert "not shown, because they would be noise" in path.read_text()


def test_too_few_networks_say_how_many_are_needed(storage, tiny_prices):
    study = studied(storage, tiny_prices, noise, trials=6)
    with pytest.raises(StudyError, match=r"has 6 trained networks: expected at least 10 .* --trials 10"):
        explain_study(study)


@pytest.mark.slow
def test_a_budget_that_nothing_fits_is_refused(storage, tiny_prices):
    study = studied(storage, tiny_prices, noise, trials=10)
    with pytest.raises(NothingFitsError, match="the smallest needs"):
        explain_study(study, [Budget.parse("1-MACs")])


def test_a_budget_that_has_to_be_measured_is_refused_alone(storage, tiny_prices):
    study = studied(storage, tiny_prices, noise, trials=10)
    with pytest.raises(InvalidValueError, match="Cannot explain within 5ms@cpu: it has to be measured"):
        explain_study(study, [Budget.parse("5ms@cpu")])


@pytest.mark.slow
def test_beside_another_it_is_named_as_not_considered(storage, tiny_prices, capsys):
    study = studied(storage, tiny_prices, mixers_matter, trials=20)
    found = explain_study(study, [Budget.parse("100M-MACs"), Budget.parse("5ms@cpu")])
    assert {rule.budget for rule in found.rules} == {"100M-MACs"}
    assert found.expected is not None
    print_explanation(found, as_json=False)
    assert "Not considered, because it has to be measured: 5ms@cpu." in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_study_is_explained_the_same(storage, tiny_prices):
    study = studied(storage, tiny_prices, mixers_matter, trials=12)
    assert explain_study(study, seed=3) == explain_study(study, seed=3)


def seen_at(values, trials=30, names="abc", canonical=None):
    """Return the evidence of trainings of a space of factors, by default three, of which only `a` matters."""
    space: dict[str, BaseDistribution] = {name: IntDistribution(0, 3) for name in names}
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction="maximize")
    for _ in range(trials):
        point = {"a": int(rng.choice(values)), **{name: int(rng.integers(4)) for name in names[1:]}}
        reached = 0.8 + 0.05 * point["a"] + 0.002 * rng.standard_normal()
        study.add_trial(optuna.trial.create_trial(params=point, distributions=space, value=reached))
    region = Region(Grid(space), {}, canonical=canonical)
    macs = lambda rows: np.ones(len(rows))  # noqa: E731
    return of_trials(study, region, region.canonical, macs, lambda _: region, 0, (), names)


def rules_of(evidence):
    """Return the best settings by factor."""
    rng = np.random.default_rng(0)
    factors = factor_settings(evidence.region, independent(rng, evidence.region, 64), 9)
    return {rule.factor: rule for rule in best_settings(evidence, evidence.fitted(), (), factors, rng)}


def test_what_every_network_that_may_be_the_best_has_in_common_has_a_gain():
    rule = rules_of(seen_at([0, 1, 2, 3], 60, "abcdefgh"))["a"]
    assert (rule.value, rule.warning) == (3, "it lies at the end of the scale: the best may lie beyond")
    # The others cost 5, 10 and 15 points; the trainings differ by a fifth of a point.
    assert rule.gain == pytest.approx(0.1, abs=0.02)


def test_where_no_other_value_fits_there_is_no_gain(explained, capsys):
    evidence = seen_at([0, 1, 2, 3])
    full = evidence.region.under(lambda points: np.array([[3.0 - point["a"]] for point in points]), None)
    rule = rules_of(replace(evidence, within=lambda _: full))["a"]
    assert (rule.value, rule.gain) == (3, None)
    shown = replace(explained, rules=(replace(rule, budget="100M-MACs", warning=None),))
    print_explanation(shown, as_json=False)
    assert re.search(r"a 3 \(100%\)\s+-\s", capsys.readouterr().out)
    assert "<td>a</td><td>3</td>" in report_page(findings(network(), explanation=shown))


def test_a_factor_without_effect_in_the_best_network_has_no_best_setting_and_counts_none():
    def canonical(point):
        return {**point, "c": 0} if point["a"] == 3 else point

    evidence = seen_at([0, 1, 2, 3], 40, canonical=canonical)
    assert set(rules_of(evidence)) == {"a", "b"}
    _, (a, _, c) = effects_of(evidence)
    assert sum(a.trained) == 40
    assert sum(c.trained) == 40 - a.trained[3] < 40


def test_stages_of_other_values_are_a_kind_of_their_own_with_their_names():
    space: dict[str, BaseDistribution] = {
        f"stage{i}.kernel": IntDistribution(3, 7, step=2) for i in (3, 4, 5)
    }
    space |= {f"stage{i}.kernel": IntDistribution(3, 5, step=2) for i in (1, 2)}
    space |= {f"stage{i}.expansion": IntDistribution(1, 4) for i in (1, 2)}
    region = Region(Grid(space), {})
    found = kinds(region, independent(np.random.default_rng(0), region, 64), 7)
    assert {name: [member.name for member in members] for name, members in found.items()} == {
        "kernel of stages 3, 4, 5": ["stage3.kernel", "stage4.kernel", "stage5.kernel"],
        "expansion": ["stage1.expansion", "stage2.expansion"],
        "kernel of stages 1, 2": ["stage1.kernel", "stage2.kernel"],
    }
    assert max(found, key=lambda name: len(found[name])) == next(name for name in found if "kernel" in name)


def effects_of(evidence):
    rng = np.random.default_rng(0)
    base = independent(rng, evidence.region, 256)
    found = Effects(evidence, evidence.fitted(), base, rng)
    return found, [found.main_effect(factor) for factor in factor_settings(evidence.region, base, 9)]


def test_a_factor_that_does_nothing_may_have_a_share_of_nothing_and_none_exceeds_the_whole():
    found, (a, *others) = effects_of(seen_at([0, 1, 2, 3]))
    assert a.share.low > 0.8
    assert a.share.high <= 1
    assert [other.share.low for other in others] == [0, 0]
    assert all(effect.share.identified for effect in (a, *others))
    assert found.familiar > 0.8


def test_a_factor_of_which_one_value_was_tried_is_not_identified():
    found, (a, *_) = effects_of(seen_at([3]))
    assert not a.share.identified
    assert found.familiar < 0.5
    assert found.widened > 2
    everywhere, _ = effects_of(seen_at([0, 1, 2, 3]))
    assert everywhere.widened < 1.6


def test_few_bad_networks_are_what_shows_that_a_factor_matters():
    """Two far below thirty that are alike: a search has few such networks, and they are no outliers."""
    evidence = seen_at([3], 30)
    low = replace(
        evidence,
        rows=np.concatenate([evidence.rows, [[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]]),
        values=np.append(evidence.values, [0.75, 0.75]),
        fidelity=np.ones(32),
        trials=np.arange(32),
    )
    _, (a, *_) = effects_of(low)
    assert a.means[-1] - a.means[0] > 0.1


def test_what_is_not_identified_is_said_and_so_is_where_the_search_looked(explained, capsys):
    first = explained.effects[0]
    unknown = replace(first, share=replace(first.share, low=0.1, high=0.9, identified=False))
    print_explanation(replace(explained, effects=(unknown,), familiar=0.3, widened=4.8), as_json=False)
    told = capsys.readouterr().out
    assert "not identified [10.0%, 90.0%]" in told
    assert "only 30% of those that fit resemble a trained one" in told
    assert "4.8 times wider" in told
