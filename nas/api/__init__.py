"""The commands as Python functions with the same names and options: ``nas.search``, ``nas.export``, ..."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from nas.api._process_state import imports_left_as_found

if TYPE_CHECKING:
    from nas.api._bench import bench as bench
    from nas.api._catalog import networks as networks
    from nas.api._catalog import spaces as spaces
    from nas.api._compare import compare as compare
    from nas.api._dashboard import dashboard as dashboard
    from nas.api._explain import explain as explain
    from nas.api._explain import scale as scale
    from nas.api._explain import stage_sensitivity as stage_sensitivity
    from nas.api._export import export as export
    from nas.api._measure import measure as measure
    from nas.api._measure import measure_layers as measure_layers
    from nas.api._measure import measure_scores as measure_scores
    from nas.api._profile import profile as profile
    from nas.api._profile import profile_proxy as profile_proxy
    from nas.api._profile import profile_scores as profile_scores
    from nas.api._propose import propose as propose
    from nas.api._report import report as report
    from nas.api._search import retrain as retrain
    from nas.api._search import search as search
    from nas.api._show import show as show
    from nas.api._studies import check_studies as check_studies
    from nas.api._studies import delete_study as delete_study
    from nas.api._studies import rename_study as rename_study
    from nas.api._studies import studies as studies
    from nas.api._targets import targets as targets

# Imported on first use: a command that only reads a study answers before torch and Ray are imported.
_MODULES: Final = {
    "bench": "_bench",
    "check_studies": "_studies",
    "compare": "_compare",
    "dashboard": "_dashboard",
    "delete_study": "_studies",
    "explain": "_explain",
    "export": "_export",
    "measure": "_measure",
    "measure_layers": "_measure",
    "measure_scores": "_measure",
    "networks": "_catalog",
    "profile": "_profile",
    "profile_proxy": "_profile",
    "profile_scores": "_profile",
    "propose": "_propose",
    "rename_study": "_studies",
    "report": "_report",
    "retrain": "_search",
    "scale": "_explain",
    "search": "_search",
    "show": "_show",
    "spaces": "_catalog",
    "stage_sensitivity": "_explain",
    "studies": "_studies",
    "targets": "_targets",
}
__all__: Final = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'nas.api' has no attribute '{name}'")
    with imports_left_as_found():
        return getattr(importlib.import_module(f"nas.api.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
