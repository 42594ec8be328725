"""Report format png: every figure as an image file."""

from pathlib import Path
from typing import Final

from dashboards.figures import drawn
from dashboards.findings import Findings
from search_spaces.errors import ExportError

_WIDTH: Final = 900
_HEIGHT: Final = 520
_SCALE: Final = 2  # device pixels per pixel


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- found by this name
    """Write an image of each figure into the folder `path`, and return the files.

    Raises:
        ExportError: if there is nothing to draw yet, or Chromium is not installed.
    """
    figures = drawn(findings)
    if not figures:
        raise ExportError(
            f"There is nothing to draw of '{findings.result.study}' yet: expected at least one trained "
            f"network. Wait for one, or use --format md."
        )
    import kaleido  # noqa: PLC0415 -- half a second to import
    from kaleido.errors import ChromeNotFoundError  # noqa: PLC0415

    path.mkdir(parents=True, exist_ok=True)
    files = tuple(path / f"{name}.png" for name in figures)
    images = [
        {
            "fig": figure,
            "path": file,
            "opts": {"format": "png", "width": _WIDTH, "height": _HEIGHT, "scale": _SCALE},
        }
        for figure, file in zip(figures.values(), files, strict=True)
    ]
    try:
        kaleido.write_fig_from_object_sync(images, cancel_on_error=True)
    except ChromeNotFoundError as error:
        raise ExportError(
            "Chromium, which renders the images, was not found: expected it on the PATH or in $BROWSER_PATH. "
            "Install it (apt-get install chromium), or use --format html."
        ) from error
    return files
