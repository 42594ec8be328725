"""A comparison is planned in the study it belongs to, and its command makes it again."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.storages import get_storage

from nas.comparison import comparison_plan
from nas.comparison.comparison_plan import ComparisonPlan, plan_comparison
from nas.comparison.comparison_run import _begun, run_comparison
from nas.comparison.request import Request
from nas.coordination.study_lock import study_lock
from nas.files.locating import files_of
from nas.resources import Slots
from nas.storage.optuna_storage import open_storage
from nas.study.study import find
from search_spaces.budget import Budget
from search_spaces.errors import StudyError, UnknownNameError
from search_spaces.published import reference
from tests.nas.pretended_search import pretend_search

NAMES = ("tinynet_e_106", "mobilenet_v2_0.35_96")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.json").write_text(reference(NAMES[0]).to_json())
    return tmp_path


def planned(
    *networks: str,
    recipe: str = "full",
    others: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda _: None,
    **options,
) -> ComparisonPlan:
    """Return a plan whose study has been begun."""
    given = {"seeds": 1, "study": None, "final": False, "alone": False, "teacher": None, **options}
    url = "sqlite:///nas.db"
    plan = plan_comparison(
        Request(
            networks=networks,
            others=others,
            data=None,
            recipe=recipe,
            rule=None,
            url=url,
            storage_path="nas-runs",
            **given,
        ),
        say,
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


def test_networks_for_int8_are_trained_and_compared_for_it():
    plain, found = planned(*NAMES), planned(*NAMES, deploy_dtype="int8")
    assert (plain.settings.deploy_dtype, plain.recipe.fake_quant_from) == ("fp32", 1.0)
    assert (found.settings.deploy_dtype, found.recipe.fake_quant_from) == ("int8", 0.7)
    assert found.name == f"{plain.name}-int8"
    assert "--deploy-dtype int8" in found.command
    assert planned(*NAMES, deploy_dtype="int8").settings == found.settings
    with pytest.raises(UnknownNameError, match="int4"):
        planned(*NAMES, deploy_dtype="int4")


def test_a_recipe_that_says_when_it_is_quantisation_aware_is_kept(tmp_path: Path):
    (tmp_path / "own.yaml").write_text("base: full\nfake_quant_from: 1.0\n")
    assert planned(*NAMES, recipe="own.yaml", deploy_dtype="int8").recipe.fake_quant_from == 1.0


def test_a_comparison_with_a_search_for_int8_is_in_int8_unless_it_was_begun_in_fp32(tmp_path: Path):
    pretend_search(tmp_path, reference(NAMES[1]), Budget.parse("20M-MACs"), deploy_dtype="int8")
    found = planned("mine", others=("mobilenet_v2",))
    assert (found.name, found.settings.deploy_dtype) == ("mine-compared-full-int8", "int8")
    asked = planned("mine", others=("mobilenet_v2",), deploy_dtype="fp32")
    assert (asked.name, asked.settings.deploy_dtype) == ("mine-compared-full", "fp32")

    notes: list[str] = []
    begun = planned("mine", others=("mobilenet_v2",), say=notes.append)  # as an earlier version began it
    assert (begun.name, begun.settings.deploy_dtype) == ("mine-compared-full", "fp32")
    assert any("was begun in fp32 and goes on so" in note for note in notes)
    again = planned("mine", others=("mobilenet_v2",), deploy_dtype="int8")
    assert (again.name, again.settings) == (found.name, found.settings)


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


def test_a_comparison_that_another_process_runs_is_left_as_it_is(tmp_path: Path):
    plan = planned(*NAMES, study="mine")
    changed = replace(plan, command="another", settings=replace(plan.settings, data=str(tmp_path)))
    study = find(open_storage(plan.url), plan.name)
    before = dict(study.user_attrs)
    with (
        study_lock(files_of(study).local_folder, plan.name),
        pytest.raises(StudyError, match="is being searched by process"),
    ):
        run_comparison(changed, Slots(count=1, threads=1, gpus=0, device="cpu"), quiet=True)
    assert find(open_storage(plan.url), plan.name).user_attrs == before
