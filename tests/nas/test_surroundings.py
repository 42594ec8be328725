"""The command line works, or says in one line why not, in unusual surroundings."""

import io
import sys
from pathlib import Path

import pytest
import typer

from dashboards.plain_text import write_any_text
from nas.__main__ import run
from nas.api._report import format_of
from search_spaces.errors import ExportError, UserError


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("iso-8859-2", "97.5 +- 1.0 x 3 \u00b0 \\u5b9f"),
        ("ascii", "97.5 +- 1.0 x 3 \\xb0 \\u5b9f"),
        ("utf-8", "97.5 ± 1.0 × 3 ° 実"),
    ],
)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_an_encoding_lacks_is_written_plainly(
    name: str, encoding: str, expected: str, monkeypatch: pytest.MonkeyPatch
):
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=encoding))
    write_any_text()
    typer.echo("97.5 ± 1.0 × 3 ° 実", err=name == "stderr")
    getattr(sys, name).flush()
    if encoding == "iso-8859-2":
        expected = expected.replace("x 3", "× 3")  # which that encoding has
    assert written.getvalue().decode(encoding) == expected + "\n"


@pytest.mark.parametrize("words", [["show"], ["search", "--budget", "1M-MACs"], ["studies"], ["report"]])
def test_a_deleted_working_folder_is_named(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("NAS_STORAGE", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(words) == 2
    assert capsys.readouterr().err.startswith("The working folder has been deleted")


@pytest.mark.parametrize(
    ("to", "given", "expected"),
    [
        (None, None, "html"),
        (None, "csv", "csv"),
        ("x.md", None, "md"),
        ("x.MD", None, "md"),
        ("x.markdown", None, "md"),
        ("x.csv", None, "csv"),
        ("x.htm", None, "html"),
        ("page", None, "html"),
        ("page", "md", "md"),
        ("page.v2", "html", "html"),
        ("figures", "png", "png"),
    ],
)
def test_a_report_has_the_format_of_its_name(to: str | None, given: str | None, expected: str):
    assert format_of(to, given) == expected


@pytest.mark.parametrize(
    ("to", "given"), [("x.md", "html"), ("x.html", "md"), ("x.pdf", None), ("x.png", None), ("x.csv", "md")]
)
def test_a_report_in_another_format_than_its_name_says_is_refused(to: str, given: str | None):
    with pytest.raises(ExportError, match="expected a name that ends in"):
        format_of(to, given)


def test_an_unknown_format_is_refused():
    with pytest.raises(UserError, match="Known: "):
        format_of("x.html", "pdf")


def test_a_roofline_is_no_picture(capsys: pytest.CaptureFixture[str]):
    assert run(["measure", "mobilenet_v2_1.0_224", "--to", "x.png"]) == 2
    assert "ends in .html" in capsys.readouterr().err
