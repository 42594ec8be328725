"""The files of docs/deployment can be read by what reads them, and name commands and files that exist."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from nas.__main__ import _app
from nas.service.client import Client
from tests.nas.service.test_service import TINY

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
    extras = re.search(r"\.\[([\w,]+)\]", " ".join(texts("RUN")))
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


class Builder:
    """buildah with images of its own below a folder, without a daemon."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        places = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
        self.words = ["buildah", *places, "--storage-driver", "vfs"]

    def run(self, *words: str) -> str:
        """Return what a command of buildah printed last, as the name of what it made."""
        done = subprocess.run(
            [*self.words, *words], cwd=self._folder, text=True, capture_output=True, timeout=3000, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout.strip().rpartition("\n")[2]

    def inside(self, container: str, *words: str) -> list[str]:
        """Return a command that runs another in a container, as its user, on this host's network."""
        return [*self.words, "run", "--isolation", "chroot", container, "--", *words]

    def base(self) -> str:
        """Return the image that ``$NAS_TEST_BASE_IMAGE`` names, else one made from packages of Debian."""
        if named := os.environ.get("NAS_TEST_BASE_IMAGE"):
            return named
        packages = "--include=python3,python3-venv,ca-certificates"
        made = str(self._folder / "base.tar")
        subprocess.run(["mmdebstrap", "--variant=apt", packages, "bookworm", made], check=True, timeout=1200)
        container = self.run("from", "scratch")
        self.run("add", container, made, "/")
        self.run("commit", "--rm", container, "nas-base")
        return "localhost/nas-base"


def pip_of_this_host() -> list[str]:
    """Return options with which a build finds packages and certificates as pip does on this host."""
    options = []
    links = [Path(link) for link in os.environ.get("PIP_FIND_LINKS", "").split()]
    if links:  # the wheels of torch for CPUs lie in a folder, as where no index has them
        options += ["--build-arg", "TORCH_INDEX=https://pypi.org/simple"]
        options += ["--build-arg", f"PIP_FIND_LINKS={' '.join(map(str, links))}"]
    if certificates := os.environ.get("PIP_CERT"):
        options += ["--build-arg", f"PIP_CERT={certificates}"]
        links.append(Path(certificates).parent)
    return [*options, *(f"--volume={place}:{place}:ro" for place in links)]


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with tempfile.TemporaryDirectory(prefix="nas-image-") as folder:
        yield Builder(Path(folder))


@pytest.mark.long
@pytest.mark.timeout(5000)
@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")
@pytest.mark.skipif(
    shutil.which("mmdebstrap") is None and "NAS_TEST_BASE_IMAGE" not in os.environ,
    reason="mmdebstrap is not installed, and NAS_TEST_BASE_IMAGE names no image with Python to build upon",
)
def test_the_image_is_built_and_its_service_searches(builder: Builder, tmp_path: Path) -> None:
    arguments = [f"--build-arg=BASE={builder.base()}", *pip_of_this_host()]
    file = str(FOLDER / "Dockerfile")
    words = ["--isolation", "chroot", "--file", file, "--tag", "nas-test", str(ROOT)]
    builder.run("build", *arguments, *words)
    container = builder.run("from", "nas-test")

    def said(*words: str) -> str:
        return subprocess.check_output(builder.inside(container, *words), text=True).strip()

    assert re.fullmatch(r"nas \d+\.\d+\.\S+", said("nas", "--version"))
    assert said("id", "-u") == "10001"
    healthy = json.loads(texts("HEALTHCHECK")[0].partition("CMD ")[2])
    command = json.loads(texts("ENTRYPOINT")[0]) + json.loads(texts("CMD")[0])
    with (tmp_path / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            builder.inside(container, *command), stdout=log, stderr=log, start_new_session=True
        )
    try:
        ends_s = time.monotonic() + 120
        while "http://" not in (tmp_path / "log.txt").read_text():
            assert server.poll() is None, (tmp_path / "log.txt").read_text()
            assert time.monotonic() < ends_s
            time.sleep(0.5)
        subprocess.run(builder.inside(container, *healthy), check=True)
        secret = said("nas", "tokens", "create", "ann").splitlines()[0]
        client = Client("http://127.0.0.1:8090", secret)
        job = client.search("2M-MACs", trials=1, study="first", recipe=TINY)
        ended = client.wait(job["id"])
        assert (ended["state"], ended["error"]) == ("done", None), client.log(job["id"])
        assert client.export(job["id"], to=tmp_path / "first.zip").stat().st_size > 100_000
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)
    assert said("find", "/data", "-not", "-user", "nas") == ""
