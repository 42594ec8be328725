"""Shapes and types are checked while tests run; nothing of ours may be imported before the hook."""

from hypothesis import settings
from jaxtyping import install_import_hook

from tests.postgresql_server import killable_postgresql, postgresql

collect_ignore = ["standalone"]  # tests of a package that is whole only once it is built
__all__ = ["killable_postgresql", "postgresql"]  # one server for every test of a process that shares it

# An int passes where a float is asked for, as in every type checker (PEP 484).
install_import_hook(
    ["search_spaces", "trials", "dashboards", "nas"],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

settings.register_profile("local", deadline=None, max_examples=30)  # torch's first call is slow
settings.register_profile("thorough", deadline=None, max_examples=500, derandomize=True)
settings.load_profile("local")
