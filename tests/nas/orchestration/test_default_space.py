"""Images and budgets choose the space of a search; a study goes on in the space in which it was begun."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from optuna.storages import get_storage
from PIL import Image
from rich.console import Console

from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.plan_start import begun
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.resources import Capacity, slots_here
from nas.storage.optuna_storage import open_storage
from nas.study.study import known_settings
from search_spaces.catalog import SPACES
from search_spaces.catalog_editions import edition, editions
from search_spaces.errors import NothingFitsError
from search_spaces.space_record import space_digest

FIRST_EDITIONS = {
    "hybrid": "016c1985c1317a28",
    "hybrid_small": "a54ec184bc5c2413",
    "mobile_small": "ccaa829665635648",
}
"""Digests that studies hold which were begun in the first edition of a space."""


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Return a folder of photographs of two classes."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 256, (150, 130, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def planned(photographs: Path, tmp_path: Path):
    """Return what plans a search on the photographs."""

    def plan(
        budget: str, space: str | None = None, study: str | None = None, sampler: str = "random"
    ) -> SearchPlan:
        request = SearchRequest(
            budget=[budget],
            space=space,
            data=str(photographs),
            trials=1,
            study=study,
            storage=f"sqlite:///{tmp_path / 'nas.db'}",
            sampler=sampler,
            recipe="proxy",
            storage_path=str(tmp_path / "nas-runs"),
        )
        return plan_search(request, slots_here(1, None))

    return plan


def told(plan: SearchPlan) -> str:
    written = StringIO()
    progress = ConsoleProgress(Capacity(1), console=Console(file=written, width=200))
    progress.plan(plan, done=1, left_running=0)
    return written.getvalue()


@pytest.mark.slow
def test_a_small_budget_on_photographs_is_searched_where_networks_fit(planned, tmp_path: Path):
    plan = planned("20M-MACs")
    assert plan.space.name == "mobile_cnn"
    assert plan.share_that_fits > 0.01
    assert not (tmp_path / "nas.db").exists()
    assert planned("300M-MACs").space.name == "hybrid"
    with pytest.raises(
        NothingFitsError, match=r"No network in hybrid .* --space mobile_cnn \(\d+\.\d% of it"
    ):
        planned("20M-MACs", space="hybrid")


@pytest.mark.slow
def test_a_study_goes_on_in_the_space_in_which_it_was_begun(planned):
    assert planned("60M-MACs").space.name == "mobile_cnn"
    before = planned("60M-MACs", space="hybrid")
    begun(before, get_storage(open_storage(before.url)))
    again = planned("60M-MACs")
    assert (again.space.name, again.name) == ("hybrid", before.name)
    small = planned("3M-MACs", space="hybrid_small")
    begun(small, get_storage(open_storage(small.url)))
    assert planned("3M-MACs").name == small.name
    assert planned("2800k-MACs").space.name == "mobile_small"
    named = planned("70M-MACs", space="hybrid", study="mine")
    begun(named, get_storage(open_storage(named.url)))
    assert planned("70M-MACs", study="mine").space.name == "hybrid"
    assert planned("70M-MACs").space.name == "mobile_cnn"
    assert known_settings(before.url, "absent") is None


@pytest.mark.slow
def test_a_search_in_which_hardly_any_network_fits_names_spaces_with_more(planned):
    text = told(planned("32M-MACs", space="hybrid"))
    assert "Hardly any network fits, and none but small ones. More fits of: --space mobile_small" in text
    assert "Hardly any" not in told(planned("300M-MACs"))


@pytest.mark.slow
def test_a_search_says_with_which_published_network_it_begins_and_random_begins_with_none(planned):
    plan = planned("3M-MACs", sampler="factor_gp")
    assert plan.published.keys() == {"efficientnet_b0_224"}
    assert "Begins with efficientnet_b0_224 at the size of the budget" in told(plan)
    assert not planned("3M-MACs").published


@pytest.mark.slow
def test_a_study_goes_on_in_the_edition_of_the_space_in_which_it_was_begun(planned, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setitem(SPACES._loaded, "mobile_small", next(editions("mobile_small")))
        before = planned("3M-MACs", space="mobile_small", sampler="factor_gp")
        begun(before, get_storage(open_storage(before.url)))
    assert before.settings.space_digest == FIRST_EDITIONS["mobile_small"]
    again = planned("3M-MACs", sampler="factor_gp")
    assert again.name == before.name
    assert space_digest(again.space) == space_digest(before.space)
    assert space_digest(before.space) != space_digest(SPACES["mobile_small"])
    assert again.settings.difference(before.settings) is None
    assert again.published == before.published
    assert planned("4M-MACs").space is SPACES["mobile_small"]
    named = planned("3M-MACs", space="mobile_small", sampler="factor_gp")
    assert space_digest(named.space) == space_digest(before.space)


@pytest.mark.parametrize(("name", "digest"), FIRST_EDITIONS.items())
def test_first_editions_are_what_studies_were_begun_in(name: str, digest: str):
    first = edition(name, digest)
    assert first is not None
    assert space_digest(first) == digest != space_digest(SPACES[name])
