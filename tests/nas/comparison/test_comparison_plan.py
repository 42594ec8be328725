"""A comparison is planned in the study it belongs to, and its command makes it again."""

import shlex
from pathlib import Path

import pytest
from optuna.storages import get_storage

from nas.comparison import comparison_plan
from nas.comparison.comparison_plan import ComparisonPlan, plan_comparison
from nas.comparison.comparison_run import _begun
from nas.comparison.request import Request
from nas.storage.optuna_storage import open_storage
from search_spaces.published import reference

NAMES = ("tinynet_e_106", "mobilenet_v2_0.35_96")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.json").write_text(reference(NAMES[0]).to_json())
    return tmp_path


def planned(*networks: str, recipe: str = "full", **options) -> ComparisonPlan:
    """Return a plan whose study has been begun."""
    given = {"seeds": 1, "study": None, "final": False, "alone": False, "teacher": None, **options}
    url = "sqlite:///nas.db"
    plan = plan_comparison(
        Request(
            networks=networks,
            others=(),
            data=None,
            recipe=recipe,
            rule=None,
            url=url,
            storage_path="nas-runs",
            **given,
        ),
        lambda _: None,
    )
    _begun(plan, get_storage(open_storage(url)))
    return plan


def test_a_lone_network_is_trained_by_a_changed_recipe_in_a_study_of_its_own(tmp_path: Path):
    def trained(epochs: int) -> str:
        (tmp_path / "quick.yaml").write_text(f"epochs: {epochs}\nwarmup_epochs: 0\n")
        return planned("own.json", recipe="quick.yaml", alone=True, final=True).name

    first, second = trained(1), trained(2)
    assert second.startswith(f"{first}-")
    assert [trained(1), trained(2)] == [first, second]


def test_the_command_has_all_that_was_asked_for(tmp_path: Path):
    words = shlex.split(planned(*NAMES, seeds=2, study="mine", final=True).command)
    assert words[:2] == ["nas", "compare"]
    assert {"--final", "--study", "mine"} <= {*words}
    alone = shlex.split(planned("own.json", alone=True, final=True).command)
    assert alone[:3] == ["nas", "retrain", str(tmp_path / "own.json")]
    assert "--seeds" not in alone


def test_the_images_settle_once_for_all_trainings_whether_they_are_mirrored():
    plan = planned(*NAMES, recipe="strong")  # which leaves that to them; digits are not
    assert (plan.recipe.flip, plan.settings.recipe["flip"]) == (False, False)
    again = planned(*NAMES, recipe="strong")
    assert (again.name, again.recipe, again.settings) == (plan.name, plan.recipe, plan.settings)


@pytest.mark.parametrize("by", ["strong", "file"])
def test_a_comparison_that_an_earlier_version_began_with_detect_goes_on_so(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "own.yaml").write_text("base: proxy\nepochs: 3\nflip: detect\n")
    recipe = "own.yaml" if by == "file" else by
    with monkeypatch.context() as earlier:
        earlier.setattr(comparison_plan, "settled_flips", lambda recipe, _: (recipe, ""))
        before = planned(*NAMES, recipe=recipe)
    assert before.settings.recipe["flip"] == "detect"
    again = planned(*NAMES, recipe=recipe)
    assert again.name == before.name
    assert again.settings.difference(before.settings) is None
    assert again.recipe == before.recipe
