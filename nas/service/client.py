"""`Client`: a service from Python, with the words of the commands; needs no web package."""

import json
import os
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nas.service.command_options import QUEUED
from nas.service.connection import FILE_TIMEOUT_S, Connection, ServiceError
from nas.service.job import Kind

_ENDED: Final = frozenset({"done", "failed", "cancelled"})


class Client:
    """A service as one of its users sees it.

        client = nas.Client("http://127.0.0.1:8090")     # token from $NAS_TOKEN
        job = client.search("300M-MACs", trials=16)
        client.wait(job["id"])
        client.export(job["id"], to="my_net.zip")

    Args:
        url: Address of the server; by default ``$NAS_SERVER``, else port 8090 of this machine.
        token: Token from ``nas tokens create``; by default ``$NAS_TOKEN``.

    Attributes:
        connection: What sends its requests.
        url: Address of the server.

    Raises:
        ServiceError: by every method, if the service does not answer or refuses; a user can fix it.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.connection: Final = Connection(url, token)
        self.url: Final = self.connection.url

    def __repr__(self) -> str:
        """Return the address, without the token."""
        return f"Client({self.url!r})"

    def search(self, budget: str | Sequence[str], **options: Any) -> dict[str, Any]:
        """Submit a search and return its record, with ``id`` and ``state``.

        Args:
            budget: One or several budgets, for example ``"300M-MACs"``.
            options: Options of `nas.search` that the service takes, and ``priority``.
        """
        budgets = [budget] if isinstance(budget, str) else list(budget)
        return self.connection.json("POST", "/searches", body={"budget": budgets, **options})

    def jobs(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records of your jobs, latest first; for an administrator those of all users."""
        before: int | None = None
        while True:
            page = self.connection.json("GET", "/jobs", state=state, before=before)
            yield from page["jobs"]
            before = page["next"]
            if before is None:
                return

    def job(self, id: str) -> dict[str, Any]:  # noqa: A002 -- what the service calls it
        """Return the record of a job."""
        return self.connection.json("GET", f"/jobs/{_quoted(id)}")

    def wait(self, id: str, *, every_s: float = 1.0) -> dict[str, Any]:  # noqa: A002
        """Return the record of a job once it has ended.

        Args:
            id: Id of the job.
            every_s: Seconds between two questions.
        """
        while (record := self.job(id))["state"] not in _ENDED:
            time.sleep(every_s)
        return record

    def events(self, id: str) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: A002
        """Yield names and data of what happens in a search, from its beginning to its end."""
        with self.connection.open("GET", f"/searches/{_quoted(id)}/events") as answer:
            name = ""
            for line in (raw.decode().rstrip("\n") for raw in answer):
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    def networks(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Return the networks of a search so far, best first, as ``nas show --json`` does."""
        return self.connection.json("GET", f"/searches/{_quoted(id)}/networks")

    def log(self, id: str) -> str:  # noqa: A002
        """Return the end of what a job has said."""
        with self.connection.open("GET", f"/jobs/{_quoted(id)}/log") as answer:
            return answer.read().decode()

    def cancel(self, id: str, *, now: bool = False) -> dict[str, Any]:  # noqa: A002
        """End a job, and return its record.

        Args:
            id: Id of the job.
            now: Whether running trainings are stopped too.
        """
        return self.connection.json("DELETE", f"/jobs/{_quoted(id)}", now="1" if now else None)

    def retrain(self, study: str, **options: Any) -> dict[str, Any]:
        """Submit a retraining as ``nas retrain`` does it, and return its record; see `result`."""
        return self.submit("retrain", study=study, **options)

    def compare(self, *networks: str | Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """Submit a comparison as ``nas compare`` makes it, and return its record; see `result`."""
        return self.submit("compare", networks=list(networks), **options)

    def measure(self, network: str | Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """Submit a measurement as ``nas measure`` makes it, and return its record; see `result`."""
        return self.submit("measure", network=network, **options)

    def submit(self, kind: Kind, **options: Any) -> dict[str, Any]:
        """Submit a job that is no search, and return its record.

        Args:
            kind: ``retrain``, ``compare`` or ``measure``.
            options: Options of the command, and ``priority``.
        """
        return self.connection.json("POST", f"/{QUEUED[kind][0]}", body=options)

    def result(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Return what an ended job that is no search has printed, as data and as text (``output``)."""
        return self.connection.json("GET", f"/jobs/{_quoted(id)}/result")

    def show(self, *studies: str, **options: Any) -> Any:
        """Return the networks of studies so far, as ``nas show --json`` does."""
        return json.loads(self.answer("show", study=list(studies), **options)["output"])

    def explain(self, study: str | None = None, **options: Any) -> Any:
        """Return the effects of factors in a study, as ``nas explain --json`` does."""
        return json.loads(self.answer("explain", study=study, **options)["output"])

    def scale(self, network: str | Mapping[str, Any], **options: Any) -> Any:
        """Return networks scaled by a rule, as ``nas scale --json`` does."""
        return json.loads(self.answer("scale", network=network, **options)["output"])

    def answer(self, command: str, **options: Any) -> dict[str, Any]:
        """Return what a command prints on the server: ``output``, ``messages``, ``sha256`` of its files."""
        return self.connection.json("POST", f"/answers/{command}", body=options, timeout_s=FILE_TIMEOUT_S)

    def archive(self, sha256: str, *, to: str | Path) -> Path:
        """Write the archive of what a command of yours has written, and return it."""
        return self.connection.file(f"/exports/{_quoted(sha256)}", Path(to))

    def delete_archives(self) -> None:
        """Delete all archives that commands of yours have written: they count as disk."""
        with self.connection.open("DELETE", "/exports"):
            pass

    def report(self, id: str, *, to: str | Path, format: str | None = None) -> Path:  # noqa: A002
        """Write the report of a search to a file and return it.

        Args:
            id: Id of the search.
            to: File to write.
            format: ``html``, ``md`` or ``csv``; by default that of the file's name, else ``html``.
        """
        kind = format or Path(to).suffix.removeprefix(".") or "html"
        return self.connection.file(f"/searches/{_quoted(id)}/report", Path(to), format=kind)

    def export(self, id: str, *, to: str | Path, trial: int | None = None) -> Path:  # noqa: A002
        """Write the export of a network as a zip archive and return it.

        Args:
            id: Id of the search.
            to: File to write.
            trial: Number of the network; by default the best that fits.
        """
        return self.connection.file(f"/searches/{_quoted(id)}/export", Path(to), trial=trial)

    def profile(self, budget: str | Sequence[str], **options: Any) -> dict[str, Any]:
        """Return which share of a space fits budgets, as ``nas profile --json`` does.

        Args:
            budget: One or several budgets.
            options: ``space``, ``classes`` and ``channels``.
        """
        budgets = [budget] if isinstance(budget, str) else list(budget)
        return self.connection.json("GET", "/profile", budget=budgets, **options)

    def send_data(self, name: str, archive: str | Path) -> dict[str, Any]:
        """Send a zip, tar or tar.gz archive of images as a data set of yours, and return its record.

        Args:
            name: Name that searches give as ``data``.
            archive: File of the archive, with one folder for each class.
        """
        known = self.data()
        try:
            with Path(archive).open("rb") as content:
                _check_sent(name, os.fstat(content.fileno()).st_size, known)
                with self.connection.open(
                    "PUT", f"/data/{_quoted(name)}", content=content, timeout_s=FILE_TIMEOUT_S
                ) as answer:
                    record: dict[str, Any] = json.load(answer)
                    return record
        except OSError as error:
            raise ServiceError(
                f"Cannot read '{archive}': {error.strerror or error}. Expected a zip, tar or tar.gz file."
            ) from error

    def data(self) -> dict[str, Any]:
        """Return the data sets that a search can name: ``server`` and ``uploads``."""
        return self.connection.json("GET", "/data")

    def delete_data(self, name: str) -> None:
        """Delete a data set that you have sent."""
        with self.connection.open("DELETE", f"/data/{_quoted(name)}"):
            pass


def _check_sent(name: str, size: int, known: Mapping[str, Any]) -> None:
    """Raise if an archive would be refused whatever is in it: an answer before its end can get lost.

    Raises:
        ServiceError: if so.
    """
    if size > known["most_bytes"]:
        raise ServiceError(
            f"This archive has {size} bytes: expected at most {known['most_bytes']}. Send fewer images.",
            status=413,
        )
    if name in {*known["server"], *(one["name"] for one in known["uploads"])}:
        raise ServiceError(f"There is a data set '{name}' already: expected another name.", status=409)


def _quoted(id: str) -> str:  # noqa: A002 -- what the service calls it
    return urllib.parse.quote(id, safe="")
