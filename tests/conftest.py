"""Shapes and types are checked while tests run; nothing of ours may be imported before the hook."""

from hypothesis import settings

from tests import type_checks
from tests.postgresql_server import killable_postgresql, postgresql

collect_ignore = ["standalone"]  # tests of a package that is whole only once it is built
__all__ = ["killable_postgresql", "postgresql"]  # one server for every test of a process that shares it

type_checks.install(["search_spaces", "trials", "dashboards", "nas"])

settings.register_profile("local", deadline=None, max_examples=30)  # torch's first call is slow
settings.register_profile("thorough", deadline=None, max_examples=500, derandomize=True)
settings.load_profile("local")
