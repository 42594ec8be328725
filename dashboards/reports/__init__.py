"""Reports: forms in which a search is written down for somebody else, one file each.

A file binds ``REPORT``, a function of `dashboards.findings.Findings` and a path to the files it wrote. The
law of the room: it needs no network, it says so where there is nothing yet, and writing 5,000 networks takes
seconds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from dashboards.findings import Findings
from search_spaces.shelf import Shelf

Report: TypeAlias = Callable[[Findings, Path], tuple[Path, ...]]

REPORTS: Final = Shelf[Report](__name__, "REPORT", "report format")
