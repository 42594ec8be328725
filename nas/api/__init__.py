"""What every command does, as Python calls with the same words."""

from nas.api.benching import bench
from nas.api.explaining import explain, scale
from nas.api.exporting import export
from nas.api.keeping import check_studies, delete_study, rename_study, studies
from nas.api.profiling import profile, profile_proxy
from nas.api.timing import measure, measure_layers, targets
from nas.api.training import retrain, search
from nas.api.viewing import dashboard, report, show

__all__ = [
    "bench",
    "check_studies",
    "dashboard",
    "delete_study",
    "explain",
    "export",
    "measure",
    "measure_layers",
    "profile",
    "profile_proxy",
    "rename_study",
    "report",
    "retrain",
    "scale",
    "search",
    "show",
    "studies",
    "targets",
]
