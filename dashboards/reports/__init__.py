"""Registry of report formats (html, md, csv, png), one file each, found by file name.

A file binds ``REPORT``, a function that writes `dashboards.findings.Findings` to a path and returns the files
it wrote. The contract, which tests check for every file: a report needs no internet connection, it says so if
there are no results yet, and it writes 5,000 networks within seconds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from dashboards.findings import Findings
from search_spaces.shelf import Shelf

Report: TypeAlias = Callable[[Findings, Path], tuple[Path, ...]]

REPORTS: Final = Shelf[Report](__name__, "REPORT", "report format")
