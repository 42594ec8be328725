"""The sampler as a package of OptunaHub's registry: complete, and of use without anything of ours."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.standalone.build_sampler import build, needed, standalone

ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"nas", "search_spaces", "trials", "dashboards", "ray", "jaxtyping"}:
            raise ModuleNotFoundError(f"{name} is not to be needed", name=name)

sys.meta_path.insert(0, Absent())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
FEW = (
    "test_no_proposal_breaks_a_known_constraint_or_repeats_a_point or test_a_budget_that_nothing_keeps or "
    "test_sample_single_distribution or test_nan_objective_value or test_multi_objective_sample_independent"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build(tmp_path_factory.mktemp("registry") / "factor_gp_sampler")


def passes_its_tests(package: Path, *options: str) -> None:
    command = [sys.executable, "-I", "-c", ALONE, "-q", "-p", "no:cacheprovider", "-W", "ignore", *options]
    where = ["--import-mode=importlib", "--rootdir", str(package), "-c", "/dev/null", str(package / "tests")]
    done = subprocess.run([*command, *where], cwd=package.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_it_passes_a_part_of_optunas_sampler_tests_alone(package):
    passes_its_tests(package, "-k", FEW)


@pytest.mark.long
def test_it_passes_optunas_sampler_tests_and_its_examples_run_alone(package):
    passes_its_tests(package)


def test_its_front_matter_is_what_the_registry_checks(package):
    _, front, text = (package / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    for key in ("author", "title", "description", "license"):
        assert isinstance(matter[key], str)
    for key in ("tags", "optuna_versions"):
        assert all(isinstance(item, str) for item in matter[key])
    assert matter["license"] == "MIT License"
    assert "sampler" in matter["tags"]
    assert (package / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert all(f"\n## {section}\n" in text for section in ("Abstract", "Class or Function Names", "Example"))


def test_its_files_name_nothing_of_ours(package):
    modules = list(package.rglob("*.py"))
    assert len(modules) > 30
    for path in modules:
        source = path.read_text(encoding="utf-8")
        assert "from nas" not in source
        assert "`nas." not in source


def test_a_module_of_spaces_or_trainings_is_no_part_of_it():
    with pytest.raises(ImportError, match=r"imports search_spaces\.\w+: expected modules of nas alone"):
        needed(("nas.bayesopt.space_problem",))


def test_annotations_are_all_that_needs_jaxtyping():
    source = '"""Doc."""\n\nfrom jaxtyping import Float\nfrom nas.a.b import c\n\n\ndef f(x: Float): ...\n'
    found = standalone(source)
    assert found.startswith('"""Doc."""\n\nfrom __future__ import annotations\n')
    assert "if TYPE_CHECKING:\n    from jaxtyping import Float\n" in found
    assert "from ..a.b import c\n" in found
