"""Claims of the documentation: each figure is in the filed result that it names."""

import re

import pytest

from docs.site.evidence_pages import Claim, claims, conditions, evidence_pages, filed

_ALL = [claim for group in claims().values() for claim in group]
_NUMBER = re.compile(r"(?<![\w.])[+-]?\.?\d[\d.,e-]*(?<![.,])")


@pytest.mark.parametrize("claim", _ALL, ids=lambda claim: claim.says[:60])
def test_every_figure_of_a_claim_is_in_the_line_that_it_names_or_the_file(claim: Claim):
    text = filed(claim.result)
    assert claim.line
    assert any(claim.line in line for line in text.splitlines())
    plain = text.replace(",", "")
    assert [n for n in _NUMBER.findall(claim.figure) if n.replace(",", "").lstrip("+-") not in plain] == []


@pytest.mark.parametrize("result", sorted({claim.result for claim in _ALL}))
def test_a_result_that_is_claimed_says_its_command_and_its_date(result: str):
    command, _, date = conditions(result)
    assert date
    assert command or "| command |" in filed(result)


def test_what_was_missed_is_said_first():
    page = evidence_pages()["evidence/index.md"]
    sections = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert sections[0] == "Missed"
    assert sum(bool(claim.missed) for claim in _ALL) >= 8
