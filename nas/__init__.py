"""Neural architecture search: chooses networks to train, trains them, exports and explains the best.

Each command is a function with the same name and options:

    result = nas.search("300M-MACs", data="digits", trials=16)
    nas.export(result.study, to="my_net")

Errors that a user can fix are raised as `search_spaces.errors.UserError`.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nas.api import bench as bench
    from nas.api import check_studies as check_studies
    from nas.api import compare as compare
    from nas.api import dashboard as dashboard
    from nas.api import delete_study as delete_study
    from nas.api import explain as explain
    from nas.api import export as export
    from nas.api import measure as measure
    from nas.api import measure_layers as measure_layers
    from nas.api import measure_scores as measure_scores
    from nas.api import networks as networks
    from nas.api import profile as profile
    from nas.api import profile_proxy as profile_proxy
    from nas.api import profile_scores as profile_scores
    from nas.api import propose as propose
    from nas.api import rename_study as rename_study
    from nas.api import report as report
    from nas.api import retrain as retrain
    from nas.api import scale as scale
    from nas.api import search as search
    from nas.api import show as show
    from nas.api import spaces as spaces
    from nas.api import stage_sensitivity as stage_sensitivity
    from nas.api import studies as studies
    from nas.api import targets as targets
    from nas.service.client import Client as Client

__all__: Final = [
    "Client",
    "bench",
    "check_studies",
    "compare",
    "dashboard",
    "delete_study",
    "explain",
    "export",
    "measure",
    "measure_layers",
    "measure_scores",
    "networks",
    "profile",
    "profile_proxy",
    "profile_scores",
    "propose",
    "rename_study",
    "report",
    "retrain",
    "scale",
    "search",
    "show",
    "spaces",
    "stage_sensitivity",
    "studies",
    "targets",
]


def __getattr__(name: str) -> Any:
    # Imported on first use: they need torch, and `nas --help` must not.
    if name not in __all__:
        raise AttributeError(f"module 'nas' has no attribute '{name}'")
    place = "nas.service.client" if name == "Client" else "nas.api"
    return getattr(importlib.import_module(place), name)


def __dir__() -> list[str]:
    return __all__
