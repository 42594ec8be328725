"""The product code reaches for private attributes of its dependencies only where this list says why.

At f9056bc this test would have found 38 such places; now there are 8.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("nas", "dashboards", "trials", "search_spaces")
KNOWN = [
    ("nas/ray_backend/ray_internals.py", "ray._private.ray_constants", "Ray starts workers by `uv run`"),
    ("nas/ray_backend/ray_internals.py", "ray._private.utils", "Ray writes the command line down"),
    ("nas/ray_backend/ray_internals.py", "ray._raylet", "Ray reads the mode of its tokens once"),
    ("nas/ray_backend/ray_internals.py", "ray._private.worker", "holds the next one"),
    *[  # read, set and put back
        (
            "nas/ray_backend/ray_internals.py",
            "worker._worker_logs_enabled",
            "Ray prints the end of its processes",
        )
    ]
    * 3,
    ("dashboards/renewal.py", "optuna_dashboard._importance", "the Optuna dashboard never empties it"),
    ("nas/storage/optuna_internals.py", "study._storage", "a sampler is given a study and no storage"),
    ("nas/storage/optuna_internals.py", "storage._backend", "a study wraps its database in a cache"),
    ("search_spaces/tracing.py", "torch.utils._python_dispatch.TorchDispatchMode", "sees what really runs"),
    (
        "trials/pretrained/channel_tracing.py",
        "torch.utils._python_dispatch.TorchDispatchMode",
        "sees what really runs",
    ),
    ("trials/training/precision.py", "torch.ops.mkldnn._is_mkldnn_bf16_supported", "has it here?"),
]


def private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def private_attributes(source: str) -> Iterator[str]:
    """Yield each use of a private name that is not the own class's, the standard library's or ours."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in {"self", "cls"} | sys.stdlib_module_names:
                pass
            case ast.Attribute(attr=name) if private(name):
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[of, ast.Constant(str(name)), *_]):
                if private(name):
                    yield f"{ast.unparse(of)}.{name}"
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] not in PACKAGES:
                full = (f"{module}.{alias.name}" for alias in names)
                yield from (name for name in full if any(map(private, name.split("."))))
            case ast.Import(names=names):
                yield from (a.name for a in names if any(map(private, a.name.split("."))))


def test_private_attributes_of_dependencies_are_those_of_the_list():
    found = Counter(
        (str(path.relative_to(ROOT)), name)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name in private_attributes(path.read_text(encoding="utf-8"))
    )
    known = Counter((path, name) for path, name, _ in KNOWN)
    assert not found - known, "look for a public way first; else list it with the reason"
    assert not known - found, "gone: take it off the list"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("study._storage", ["study._storage"]),
        ("getattr(storage, '_backend', None)", ["storage._backend"]),
        ("import ray._private", ["ray._private"]),
        ("from ray._private import utils", ["ray._private.utils"]),
        (
            "from botorch.acquisition.analytic import _log_ei_helper",
            ["botorch.acquisition.analytic._log_ei_helper"],
        ),
        ("self._x = cls._y; os._exit(0); x.__dict__; from nas._private import _name", []),
    ],
)
def test_it_sees_private_names_and_no_others(source, names):
    assert list(private_attributes(source)) == names
