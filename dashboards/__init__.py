"""Presents searches: terminal tables, plotly figures, reports, and notes for the Optuna dashboard."""

import importlib
import pkgutil
from typing import Any


def __getattr__(name: str) -> Any:
    if name not in __dir__():
        raise AttributeError(f"module 'dashboards' has no attribute '{name}'")
    return importlib.import_module(f"dashboards.{name}")  # on first use: some need torch


def __dir__() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
