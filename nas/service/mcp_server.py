"""The MCP server: what fits, results, reasons and reports as tools of an agent; searches only if allowed."""

import functools
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeVar

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field

from nas import api
from nas.service.client import Client
from nas.service.search_options import Allowed, check_space
from search_spaces.errors import UserError
from search_spaces.own_version import own_version

_P = ParamSpec("_P")
_R = TypeVar("_R")
_ALONE: Final = threading.Lock()  # tools run in threads; commands restore what they change in the process
_READS: Final = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
_SUBMITS: Final = {**_READS, "readOnlyHint": False}
_ABOUT: Final = (
    "Searches for the most accurate vision network that fits a budget. Budgets are written as 300M-MACs, "
    "4M-params, 512KiB-peak@int8 or 12ms@cpu."
)

Budgets = Annotated[list[str], Field(min_length=1, max_length=8, description="For example ['300M-MACs'].")]
Study = Annotated[str | None, Field(description="Name of a study; by default the latest.")]


def mcp_server(storage: str | None, client: Client | None = None) -> FastMCP:
    """Return an MCP server whose tools read the studies of a storage.

    Args:
        storage: Database URL; None for ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        client: Service that searches are submitted to; None for a server that only reads.
    """
    server: FastMCP = FastMCP(
        "nas", instructions=_ABOUT, version=own_version(), mask_error_details=True, tools=[]
    )
    _add_profile(server)
    _add_studies(server, storage)
    if client is not None:
        _add_submission(server, client)
    return server


def _add_profile(server: FastMCP) -> None:
    @server.tool(annotations=_READS)
    @_as_tool
    def profile(
        budget: Budgets,
        space: str = "hybrid_small",
        classes: Annotated[int, Field(ge=2, le=100_000)] = 10,
        channels: Annotated[int, Field(ge=1, le=16)] = 3,
    ) -> dict[str, Any]:
        """Return which share of a space of the catalog fits budgets, and the range of each cost."""
        check_space(space, Allowed())  # an agent names no file and no code
        return api.profile(budget, space=space, classes=classes, channels=channels).to_json()


def _add_studies(server: FastMCP, storage: str | None) -> None:
    @server.tool(annotations=_READS)
    @_as_tool
    def studies() -> dict[str, Any]:
        """List the studies: name, budgets, data, trained networks and best accuracy, oldest first."""
        shown = [study.to_json() for study in api.studies(storage=storage)]
        return {"studies": [{k: v for k, v in one.items() if k != "folder"} for one in shown]}

    @server.tool(annotations=_READS)
    @_as_tool
    def show(study: Study = None, pareto: bool = False, fits: list[str] | None = None) -> dict[str, Any]:
        """Return the networks of a study so far, best first; only the Pareto front, or what fits budgets."""
        return api.show(study, storage=storage, pareto=pareto, fits=fits or ()).to_json()

    @server.tool(annotations=_READS)
    @_as_tool
    def explain(study: Study = None, budget: list[str] | None = None) -> dict[str, Any]:
        """Return how factors such as width and mixer change accuracy, and the best settings in a budget."""
        return api.explain(study, storage=storage, budget=budget or ()).to_json()

    @server.tool(annotations=_READS)
    @_as_tool
    def report(study: Study = None, format: Literal["md", "csv"] = "md") -> str:  # noqa: A002
        """Return the report of a study as Markdown, or its networks as CSV."""
        with tempfile.TemporaryDirectory(prefix="nas-mcp-") as folder:
            (file,) = api.report(study, storage=storage, to=Path(folder) / f"report.{format}")
            return file.read_text(encoding="utf-8")


def _add_submission(server: FastMCP, client: Client) -> None:
    @server.tool(annotations=_SUBMITS)
    @_as_tool
    def submit(
        budget: Budgets,
        space: str | None = None,
        data: str = "digits",
        trials: Annotated[int | None, Field(ge=1, le=100_000)] = None,
        study: str | None = None,
    ) -> dict[str, Any]:
        """Submit a search to the service and return it as queued; its networks are trained there."""
        given = {"space": space, "data": data, "trials": trials, "study": study}
        return client.search(budget, **{name: value for name, value in given.items() if value is not None})

    @server.tool(annotations=_READS)
    @_as_tool
    def submitted(id: str) -> dict[str, Any]:  # noqa: A002 -- what the service calls it
        """Return a submitted search: its state, and why it failed."""
        return client.job(id)

    @server.tool(annotations=_READS)
    @_as_tool
    def found(id: str) -> dict[str, Any]:  # noqa: A002 -- what the service calls it
        """Return the networks of a submitted search so far, best first."""
        return client.networks(id)


def _as_tool(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function that runs alone and shows an agent our line for what it can mend."""

    @functools.wraps(function)
    def tool(*given: _P.args, **named: _P.kwargs) -> _R:
        try:
            with _ALONE:
                return function(*given, **named)
        except UserError as error:
            raise ToolError(str(error)) from error

    return tool
