"""Reads images, trains one network on them and measures its latency."""

import importlib
import pkgutil
from typing import Any


def __getattr__(name: str) -> Any:
    if name not in __dir__():
        raise AttributeError(f"module 'trials' has no attribute '{name}'")
    return importlib.import_module(f"trials.{name}")  # on first use: some need torch


def __dir__() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
