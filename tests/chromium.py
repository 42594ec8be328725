"""The system's Chromium, in which tests look at pages of ours."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a running browser; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        # Without its sandbox, which a container's root cannot have; only pages of our own are opened.
        driver = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield driver
        driver.close()
