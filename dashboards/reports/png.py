"""Every figure as a picture, for slides and papers."""

from pathlib import Path
from typing import Final

from dashboards.figures import drawn
from dashboards.findings import Findings
from search_spaces.errors import ExportError

_WIDTH: Final = 900
_HEIGHT: Final = 520
_SCALE: Final = 2  # pixels for each of them


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- the shelf finds it by this name
    """Write a picture of each figure into the folder `path`, and return the files.

    Raises:
        ExportError: if there is nothing to show yet, or no Chromium that draws it.
    """
    figures = drawn(findings)
    if not figures:
        raise ExportError(
            f"There is nothing to draw of '{findings.result.study}' yet: expected at least one network that "
            f"was trained. Wait for it, or write --format md."
        )
    import kaleido  # noqa: PLC0415 -- half a second to import
    from kaleido.errors import ChromeNotFoundError  # noqa: PLC0415

    path.mkdir(parents=True, exist_ok=True)
    files = tuple(path / f"{name}.png" for name in figures)
    told = [
        {
            "fig": figure,
            "path": file,
            "opts": {"format": "png", "width": _WIDTH, "height": _HEIGHT, "scale": _SCALE},
        }
        for figure, file in zip(figures.values(), files, strict=True)
    ]
    try:
        kaleido.write_fig_from_object_sync(told, cancel_on_error=True)
    except ChromeNotFoundError as error:
        raise ExportError(
            "Pictures are drawn by Chromium, and none was found: expected it on the PATH or in "
            "$BROWSER_PATH. Install it (apt-get install chromium), or write --format html."
        ) from error
    return files
