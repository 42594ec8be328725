"""In which numbers networks are deployed: what is asked, else what the budgets say, else as begun."""

from pathlib import Path

import pytest

from nas.orchestration.deployed_form import deploy_dtype_of
from search_spaces.budget import Budget
from search_spaces.errors import UnknownNameError


@pytest.mark.parametrize(
    ("budget", "form"),
    [
        ("512KiB-peak@int8", "int8"),
        ("512KiB-peak", "fp32"),
        ("512KiB-peak@fp32", "fp32"),
        ("300M-MACs", "fp32"),
        ("12ms@cpu", "fp32"),
        ("12ms@cpu:dtype=int8", "int8"),
        ("12ms@phone", "int8"),
    ],
)
def test_budgets_say_the_form(
    budget: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "targets.yaml").write_text(
        "version: 1\ntargets:\n  phone: {kind: command, address: ./time.sh, dtype: int8}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert deploy_dtype_of(None, [Budget.parse(budget)]) == form
    other = {"int8": "fp32", "fp32": "int8"}[form]
    assert deploy_dtype_of(other, [Budget.parse(budget)]) == other


def test_an_unknown_form_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="int8"):
        deploy_dtype_of("int4", [Budget.parse("300M-MACs")])
