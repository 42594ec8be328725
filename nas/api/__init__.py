"""The commands as Python functions with the same names and options: ``nas.search``, ``nas.export``, ..."""

from nas.api._bench import bench as bench
from nas.api._explain import explain as explain
from nas.api._explain import scale as scale
from nas.api._export import export as export
from nas.api._measure import measure as measure
from nas.api._measure import measure_layers as measure_layers
from nas.api._measure import targets as targets
from nas.api._profile import profile as profile
from nas.api._profile import profile_proxy as profile_proxy
from nas.api._search import retrain as retrain
from nas.api._search import search as search
from nas.api._studies import check_studies as check_studies
from nas.api._studies import delete_study as delete_study
from nas.api._studies import rename_study as rename_study
from nas.api._studies import studies as studies
from nas.api._views import dashboard as dashboard
from nas.api._views import report as report
from nas.api._views import show as show
