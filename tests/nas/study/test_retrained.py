"""Which weights of a retrained network are delivered, and what is known of all of them."""

from dataclasses import replace
from typing import Any

import optuna
import pytest

from dashboards.result import SEEN, TrialResult
from nas.orchestration.retrain_result import other_weights
from nas.orchestration.retrained_expectation import with_expected
from nas.study import retrained as retrainings
from nas.study.delivered_weights import weights_of
from nas.study.final_tests import TestScores, key_of, note_read, times_tested
from nas.study.results import result_of
from nas.study.retrained import Retrained
from search_spaces.errors import StudyError

SEARCHED = "trials/00002/weights.safetensors"
JOINED = Retrained(
    trial=2,
    recipe={"name": "full", "epochs": 60},
    joined=True,
    from_weights=False,
    accuracy=None,
    standard_error=None,
    test_accuracy=0.93,
    test_standard_error=0.01,
    seconds=1.0,
    weights="retrained/00002/full-1/weights.safetensors",
    test_values={"accuracy": [0.93, 0.01], "macro_f1": [0.91, 0.02]},
)
ALONE = replace(
    JOINED,
    joined=False,
    accuracy=0.95,
    standard_error=0.01,
    test_accuracy=None,
    test_standard_error=None,
    test_values=None,
    weights="retrained/00002/full-2/weights.safetensors",
)


def network_of(study: optuna.Study) -> TrialResult:
    return next(n for n in result_of(study).networks if n.trial == 2)


@pytest.mark.parametrize(
    ("records", "delivered", "because"),
    [
        ((JOINED, ALONE), JOINED.weights, "95.00% ± 1.00 after retraining and 70.00% after the search"),
        ((JOINED, replace(ALONE, accuracy=0.65)), SEARCHED, "65.00% ± 1.00 after retraining"),
        ((replace(JOINED, seen_accuracy=0.6),), SEARCHED, "60.00% on validation images although they learnt"),
        (
            (replace(JOINED, seen_accuracy=0.99),),
            JOINED.weights,
            "they learnt from the validation",
        ),
        # Another recipe's validation figure says nothing of these weights.
        (
            (JOINED, replace(ALONE, recipe={"name": "x", "epochs": 9}, accuracy=0.1)),
            JOINED.weights,
            "they learnt from",
        ),
        ((ALONE,), ALONE.weights, "95.00% ± 1.00 after retraining"),
        # The best of several is compared by what is expected of it; what may be chance is called so.
        (
            (JOINED, replace(ALONE, accuracy=0.72, expected=0.69, expected_error=0.02)),
            SEARCHED,
            "69.00% ± 2.00 after retraining and 70.00% after the search, which may be chance",
        ),
    ],
)
def test_the_better_weights_by_validation_images_are_delivered(
    searched: optuna.Study, records: tuple[Retrained, ...], delivered: str, because: str
):
    for record in records:
        retrainings.store(searched, record)
    found = weights_of(searched, network_of(searched))
    assert found.file == delivered
    assert because in (found.reason or "")


@pytest.mark.parametrize(
    ("int8", "delivered", "because"),
    [
        (
            [0.68, 0.01],
            SEARCHED,
            "68.00% ± 1.00 after retraining and 69.00%",
        ),  # as it is valued by the search
        ([0.75, 0.01], ALONE.weights, "75.00% ± 1.00 after retraining and 69.00%"),
        (None, ALONE.weights, "95.00% ± 1.00 after retraining and 70.00%"),  # both in fp32
    ],
)
def test_weights_are_compared_in_int8_where_the_search_values_them_so(
    searched: optuna.Study, int8: list[float] | None, delivered: str, because: str
):
    network = replace(network_of(searched), accuracy=0.69, fp32_accuracy=0.7, int8_drop=0.01)
    retrainings.store(searched, replace(ALONE, int8=int8))
    found = weights_of(searched, network)
    assert found.file == delivered
    assert because in (found.reason or "")


def test_networks_that_were_retrained_for_int8_are_expected_to_be_as_good_as_that_form_says(
    searched: optuna.Study,
):
    for trial, int8 in ((0, [0.95, 0.01]), (1, [0.90, 0.01]), (2, None)):
        weights = f"retrained/{trial:05d}/full-2/weights.safetensors"
        one = replace(ALONE, trial=trial, accuracy=0.9 + trial / 100, int8=int8, weights=weights)
        # By an earlier version, which expected them by their values in fp32.
        retrainings.store(searched, replace(one, expected=0.5, expected_error=0.1))
    before = retrainings.ranked(searched)
    assert [before[trial].merit for trial in (0, 2)] == [(0.95, 0.01), (0.5, 0.1)]
    found = {one.trial: one for one in with_expected(searched, ALONE.settings, in_int8=True)}
    assert sorted(found) == [0, 1]
    assert 0.90 < (found[1].expected or 0.0) < (found[0].expected or 0.0) < 0.95
    assert found[0].merit == (found[0].expected, found[0].expected_error)
    assert replace(found[0], int8=None).merit == (0.9, 0.01)  # the other form says nothing of this one
    assert retrainings.ranked(searched)[2] == before[2]


def test_figures_in_int8_stand_beside_those_of_retrained_weights(searched: optuna.Study):
    retrainings.store(searched, replace(ALONE, int8=[0.94, 0.01]))
    tested = {"accuracy": [0.92, 0.01], "macro_f1": [0.9, 0.02]}
    retrainings.store(searched, replace(JOINED, seen_accuracy=0.99, int8=[0.98, 0.001], int8_test=tested))
    record = next(n for n in result_of(searched).to_json()["networks"] if n["trial"] == 2)
    figures = [
        (s["split"], s.get("form"), s["value"]) for s in record["scores"] if s["weights"] == "retrained"
    ]
    assert figures == [
        *(("validation", None, 0.95), ("validation", "int8", 0.94)),
        *((SEEN, None, 0.99), (SEEN, "int8", 0.98)),
        *(("test", None, 0.93), ("test", "int8", 0.92)),
    ]


def test_the_luckiest_of_several_retrained_networks_is_expected_to_be_like_the_others(
    searched: optuna.Study,
):
    values = {0: 0.95, 1: 0.93, 2: 0.97}
    for trial, value in values.items():
        weights = f"retrained/{trial:05d}/full-2/weights.safetensors"
        retrainings.store(searched, replace(ALONE, trial=trial, accuracy=value, weights=weights))
    other = replace(ALONE, trial=9, accuracy=0.2, weights="retrained/00009/x-3/weights.safetensors")
    retrainings.store(searched, other)
    found = {one.trial: one for one in with_expected(searched, ALONE.settings)}
    assert found == {trial: retrainings.ranked(searched)[trial] for trial in values}
    expected = [found[trial].expected or 0.0 for trial in (1, 0, 2)]
    assert 0.93 < expected[0] < expected[1] < expected[2] < 0.97
    assert retrainings.ranked(searched)[9] == other


def test_weights_are_delivered_as_asked_for_and_never_by_the_test_images(searched: optuna.Study):
    network = network_of(searched)
    assert weights_of(searched, network).file == SEARCHED
    assert weights_of(searched, network).reason is None
    with pytest.raises(StudyError, match=r"#2 has no retrained weights.*--weights-of search"):
        weights_of(searched, network, "retrain")
    retrainings.store(searched, JOINED)
    assert weights_of(searched, network, "search").file == SEARCHED
    assert weights_of(searched, network, "retrain").file == JOINED.weights
    searched.set_user_attr(key_of(2, SEARCHED), TestScores(values={"accuracy": (0.99, 0.01)}).to_json())
    assert weights_of(searched, network).file == JOINED.weights


def test_retrained_weights_are_delivered_where_those_of_the_search_are_gone(searched: optuna.Study):
    retrainings.store(searched, replace(JOINED, seen_accuracy=0.1))
    found = weights_of(searched, network_of(searched), exists=lambda file: file != SEARCHED)
    assert found.file == JOINED.weights
    assert "no longer kept" in (found.reason or "")
    assert other_weights(found) == ""


def test_what_the_other_weights_are_good_for_is_said(searched: optuna.Study):
    retrainings.store(searched, JOINED)
    network = network_of(searched)
    unknown = other_weights(weights_of(searched, network))
    assert unknown.startswith("--weights-of search delivers the others.")
    assert "nas retrain --top 2" in unknown
    retrainings.store(searched, replace(ALONE, accuracy=0.65))
    assert other_weights(weights_of(searched, network)) == "--weights-of retrain delivers the others."


def test_every_figure_names_weights_split_and_metric(searched: optuna.Study):
    settings: dict[str, Any] = {**searched.user_attrs["nas:settings"], "metric": "macro_f1"}
    searched.set_user_attr("nas:settings", settings)
    retrainings.store(searched, replace(JOINED, seen_accuracy=0.99))
    retrainings.store(searched, ALONE)
    searched.set_user_attr(key_of(2, SEARCHED), {"accuracy": 0.8, "standard_error": 0.02})  # as it was kept
    record = result_of(searched).to_json()
    network = next(n for n in record["networks"] if n["trial"] == 2)
    figures = [
        tuple(s[k] for k in ("weights", "learnt_from", "split", "metric", "value")) for s in network["scores"]
    ]
    assert figures == [
        ("search", "training", "validation", "macro_f1", 0.7),
        ("search", "training", "test", "accuracy", 0.8),
        ("retrained", "training", "validation", "macro_f1", 0.95),
        ("retrained", "training and validation", SEEN, "macro_f1", 0.99),
        ("retrained", "training and validation", "test", "macro_f1", 0.91),
    ]


def test_readings_of_the_test_images_are_counted_once_for_each_weights(searched: optuna.Study):
    assert result_of(searched).test_reads == 0
    note_read(searched, SEARCHED)
    searched.set_user_attr(key_of(2, SEARCHED), {"accuracy": 0.8, "standard_error": 0.02})
    assert times_tested(searched.user_attrs) == 1
    retrainings.store(searched, JOINED)  # of an earlier version, which did not count
    note_read(searched, JOINED.weights)
    assert times_tested(searched.user_attrs) == 2
    note_read(searched, f"{JOINED.weights}@int8")
    other = replace(JOINED, recipe={"name": "longer", "epochs": 9}, weights="retrained/00002/longer-1/w")
    note_read(searched, other.weights)
    retrainings.store(searched, other)  # takes the place of the first, which stays counted
    assert result_of(searched).test_reads == 4
