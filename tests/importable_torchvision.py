"""Makes the installed torchvision importable where its operators were compiled for another build of torch.

The Python index has one build of torchvision, for CUDA. Beside a CPU build of torch its operators do not
load, and torchvision 0.28 then fails on import, because it describes two of them. timm uses none of them. So
where they are missing their names are declared, at the end of ``torchvision/extension.py`` of this
environment alone: ``make`` runs this file after it has installed both.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

DECLARED = """

# Added by tests/importable_torchvision.py: these operators are for another build of torch and do not load.
if not _has_ops():
    _declared = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, _name):
            _declared.define(_name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def imports(module: str) -> bool:
    """Return whether a fresh process of this environment can import a module."""
    command = [sys.executable, "-W", "ignore", "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def declare_operators(extension: Path) -> None:
    """Replace ``extension.py`` by one that declares the operators; files linked to it stay as they are."""
    draft = extension.with_suffix(".draft")
    draft.write_text(extension.read_text(encoding="utf-8") + DECLARED, encoding="utf-8")
    draft.replace(extension)


def main() -> None:
    """Declare the operators if torchvision cannot be imported without, and check that timm then can.

    Raises:
        SystemExit: if timm still cannot be imported.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        sys.exit("torchvision is not installed: run make lint.")
    if not imports("torchvision"):
        declare_operators(Path(found.origin).with_name("extension.py"))
    if not imports("timm"):
        sys.exit(f"timm cannot be imported: {sys.executable} -c 'import timm' says why.")


if __name__ == "__main__":
    main()
