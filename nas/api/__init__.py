"""What every command does, as Python calls with the same words."""

from nas.api.benching import bench as bench
from nas.api.explaining import explain as explain
from nas.api.explaining import scale as scale
from nas.api.exporting import export as export
from nas.api.keeping import check_studies as check_studies
from nas.api.keeping import delete_study as delete_study
from nas.api.keeping import rename_study as rename_study
from nas.api.keeping import studies as studies
from nas.api.profiling import profile as profile
from nas.api.profiling import profile_proxy as profile_proxy
from nas.api.timing import measure as measure
from nas.api.timing import measure_layers as measure_layers
from nas.api.timing import targets as targets
from nas.api.training import retrain as retrain
from nas.api.training import search as search
from nas.api.viewing import dashboard as dashboard
from nas.api.viewing import report as report
from nas.api.viewing import show as show
