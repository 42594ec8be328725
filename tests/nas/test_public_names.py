"""The names that people may use are listed where they look for them."""

import importlib
import subprocess
import sys

import pytest

import nas
import search_spaces


@pytest.mark.parametrize("package", [nas, search_spaces])
def test_the_public_names_are_those_that_are_listed(package):
    assert set(dir(package)) == set(package.__all__)
    assert all(callable(getattr(package, name)) for name in dir(package))


@pytest.mark.parametrize("package", ["trials", "dashboards"])
def test_modules_of_a_package_without_names_of_its_own_are_listed_and_found(package):
    code = (
        f"import sys, types, {package} as package\n"
        "assert 'torch' not in sys.modules\n"
        "assert not [n for n in dir(package) if n.startswith('_')]\n"
        "assert all(isinstance(getattr(package, name), types.ModuleType) for name in dir(package))\n"
        "try: package.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120)
    assert printed.strip() == f"module '{package}' has no attribute 'nothing'"
    assert {"trials": "recipes", "dashboards": "figures"}[package] in dir(importlib.import_module(package))
