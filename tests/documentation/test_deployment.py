"""The files of docs/deployment can be read by what reads them, and name commands and files that exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from nas.__main__ import _app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "deployment"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}}


def instructions() -> list[tuple[str, str]]:
    """Return name and text of each instruction of the Dockerfile."""
    lines = (line for line in (FOLDER / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in found]


def texts(name: str) -> list[str]:
    return [rest for one, rest in instructions() if one == name]


def check_command(words: list[str]) -> None:
    """Raise if a command or one of its options does not exist."""
    group: Any = typer.main.get_command(_app())
    group.commands[words[0]].make_context(words[0], words[1:])  # parses, runs nothing


def manifests(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((FOLDER / name).read_text()) if one]


def test_the_image_takes_its_base_and_device_as_arguments_and_runs_as_nobody():
    known = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    names = [name for name, _ in instructions()]
    assert set(names) == known
    assert names[:2] == ["ARG", "FROM"]
    assert texts("FROM") == ["${BASE}"]
    assert "DEVICE=cpu" in texts("ARG")
    assert texts("USER") == ["10001:10001"]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")
    assert "/v1/health" in texts("HEALTHCHECK")[0]


def test_what_the_image_copies_and_runs_exists():
    for text in texts("COPY"):
        assert all((ROOT / source).exists() for source in text.split()[:-1]), text
    assert json.loads(texts("ENTRYPOINT")[0]) == ["nas"]
    check_command(json.loads(texts("CMD")[0]))
    extras = re.search(r"\.\[([\w,]+)\]", texts("RUN")[0])
    assert extras is not None
    for extra in extras[1].split(","):
        assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
def test_the_shell_of_the_image_reads_its_commands():
    for text in texts("RUN"):
        subprocess.run(["sh", "-n", "-c", text], check=True)


def test_compose_has_a_database_the_service_and_a_worker():
    read = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    services = read["services"]
    assert set(services) == {"database", "service", "worker"}
    for name in ("service", "worker"):
        check_command(services[name]["command"])
        assert services[name]["environment"]["NAS_STORAGE"].startswith("postgresql+psycopg://")
        assert services[name]["depends_on"]["database"]["condition"] == "service_healthy"
    build = services["service"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert all(port.startswith("127.0.0.1:") for port in services["service"]["ports"])
    assert set(read["volumes"]) == {"database", "runs"}


def test_kubernetes_takes_the_manifests_of_the_service():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kinds = []
    for one in manifests("service.yaml"):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        kinds.append(one["kind"])
    assert kinds == ["PersistentVolumeClaim", "Deployment", "Service"]
    container = manifests("service.yaml")[1]["spec"]["template"]["spec"]["containers"][0]
    check_command(container["args"])


@pytest.mark.parametrize(("name", "kind"), [("ray-cluster.yaml", "RayCluster"), ("ray-job.yaml", "RayJob")])
def test_the_manifests_of_ray_are_queued_and_their_pods_are_valid(name: str, kind: str):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    (read,) = manifests(name)
    assert (read["apiVersion"], read["kind"]) == ("ray.io/v1", kind)
    assert read["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "nas"
    spec = read["spec"]
    if kind == "RayJob":
        words = shlex.split(spec["entrypoint"])
        assert words[0] == "nas"
        check_command(words[1:])
        assert spec["suspend"] is True
        spec = spec["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = {**POD, "spec": group["template"]["spec"]}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    ray = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert ray is not None
    assert spec["rayVersion"] == ray[1]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")
def test_the_image_is_built_and_answers(tmp_path: Path):
    base = os.environ.get("NAS_TEST_BASE_IMAGE")
    if base is None:
        pytest.skip("NAS_TEST_BASE_IMAGE names no image with Python to build upon")
    built = ["buildah", "build", "--isolation", "chroot", "--build-arg", f"BASE={base}", "--tag", "nas-test"]
    file = str(FOLDER / "Dockerfile")
    subprocess.run([*built, "--file", file, str(ROOT)], check=True, cwd=tmp_path, timeout=3000)
    made = subprocess.run(["buildah", "from", "nas-test"], check=True, capture_output=True, text=True)
    container = made.stdout.strip()
    try:
        inside = ["buildah", "run", "--isolation", "chroot", container, "--"]
        shown = subprocess.run([*inside, "nas", "--version"], check=True, capture_output=True, text=True)
        user = subprocess.run([*inside, "id", "-u"], check=True, capture_output=True, text=True)
        assert shown.stdout.strip()
        assert user.stdout.strip() == "10001"
    finally:
        subprocess.run(["buildah", "rm", container], check=False, capture_output=True)
