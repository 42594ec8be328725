"""Shapes and types are checked while tests run; nothing of ours may be imported before the hook."""

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook(["search_spaces", "trials", "dashboards", "nas"], "beartype.beartype")

settings.register_profile("local", deadline=None, max_examples=30)  # torch's first call is slow
settings.register_profile("thorough", deadline=None, max_examples=500, derandomize=True)
settings.load_profile("local")
