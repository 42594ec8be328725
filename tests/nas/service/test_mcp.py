"""An agent asks nas mcp over standard input and output, as fastmcp's own client does."""

import asyncio
import gzip
import os
import sys
from pathlib import Path

import pytest

fastmcp = pytest.importorskip("fastmcp")

GOLDEN = Path(__file__).parents[2] / "golden" / "f9056bc"
READING = {"profile", "studies", "show", "explain", "report"}


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "nas.db").write_bytes(gzip.decompress((GOLDEN / "nas.db.gz").read_bytes()))
    return f"sqlite:///{tmp_path}/nas.db"


def talking(folder, *words, act, token=""):
    """Return what a coroutine of a client of ``nas mcp`` returns."""
    from fastmcp.client.transports import StdioTransport

    process = StdioTransport(
        sys.executable,
        ["-m", "nas", "mcp", *words],
        env={**os.environ, "NAS_TOKEN": token},
        cwd=str(folder),
        keep_alive=False,
        log_file=folder / "mcp.log",
    )

    async def talk():
        async with fastmcp.Client(process) as client:
            return await act(client)

    return asyncio.run(talk())


@pytest.mark.long
def test_an_agent_reads_what_fits_results_reasons_and_reports_and_changes_nothing(tmp_path, storage):
    async def act(client):
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert set(tools) == READING
        assert all(tool.annotations.read_only_hint for tool in tools.values())
        fits = await client.call_tool("profile", {"budget": ["2M-MACs"]})
        listed = (await client.call_tool("studies")).data["studies"]
        shown = (await client.call_tool("show", {"study": listed[0]["study"]})).data
        reported = (await client.call_tool("report", {"study": listed[0]["study"]})).data
        explained = (await client.call_tool("explain", {"study": "first"})).data
        return fits.data, listed, shown, reported, explained

    before = sorted(tmp_path.iterdir())
    fits, listed, shown, reported, explained = talking(tmp_path, "--storage", storage, act=act)
    assert 0 < fits["share"] <= 1
    assert shown["study"] == listed[0]["study"]
    assert "folder" not in listed[0]
    assert len(shown["networks"]) > 0
    assert listed[0]["study"] in reported
    assert explained["effects"]
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "mcp.log"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "given", "expected"),
    [
        ("profile", {"budget": ["2M-flops"]}, "Cannot read the budget '2M-flops'"),
        ("profile", {"budget": ["2M-MACs"], "space": "/etc/passwd"}, "No space is called"),
        ("profile", {"budget": ["2M-MACs"], "space": "os:system"}, "No space is called"),
        ("show", {"study": "nosuch"}, "nosuch"),
    ],
)
def test_a_tool_answers_bad_input_with_our_line(storage, tool, given, expected):
    from fastmcp.exceptions import ToolError

    from nas.service.mcp_server import mcp_server

    async def talk():
        async with fastmcp.Client(mcp_server(storage)) as client:
            await client.call_tool(tool, given)

    with pytest.raises(ToolError, match=expected):
        asyncio.run(talk())


@pytest.mark.slow
def test_an_agent_submits_searches_only_where_that_was_allowed(tmp_path, served):
    async def act(client):
        job = (await client.call_tool("submit", {"budget": ["1M-MACs"], "trials": 1, "study": "agent"})).data
        again = (await client.call_tool("submitted", {"id": job["id"]})).data
        return {tool.name for tool in await client.list_tools()}, job, again

    words = ("--allow-submit", "--server", served[0])
    names, job, again = talking(tmp_path, *words, act=act, token=served[2]["ann"])
    assert names == READING | {"submit", "submitted", "found"}
    assert (job["state"], job["user"], job["study"]) == ("queued", "ann", "agent")
    assert again["id"] == job["id"]


def test_a_server_without_allow_submit_is_refused_in_one_line(tmp_path):
    from tests.in_process import nas_in_process

    ended = nas_in_process(tmp_path, "mcp", "--server", "http://127.0.0.1:1")
    assert (ended.status, ended.err) == (
        2,
        "Cannot use --server alone: expected it with --allow-submit.\n",
    )
