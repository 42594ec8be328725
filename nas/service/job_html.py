"""HTML of the page of a job that is no search: a retraining, comparison or measurement."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from nas.service.job import Job
from nas.service.page_html import end_buttons, facts, frame, live, printed, problem_line, state_fact
from nas.service.tokens import Token
from search_spaces.units import format_seconds

_EVERY_S: Final = 2
_OF_TERMINALS: Final = frozenset({"width", "color", "json_output"})
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_LOG_LINES: Final = 12


def job_page(token: Token, key: str, job: Job, log: str) -> str:
    """Return the page of a job.

    Args:
        token: Who is logged in.
        key: What forms have to send.
        job: The job.
        log: The end of what it has said.
    """
    return frame(
        job.name,
        (
            live("facts", f"{facts(_facts(job))}{problem_line(job.error or '')}"),
            live("acts", end_buttons(token, key, job)),
            live("result", _result(job)),
            live("log", _log(log)),
            f'<p><a href="/v1/jobs/{job.id}/log">Log</a></p>',
        ),
        token=token,
        key=key,
        every_s=_EVERY_S if job.is_open else 0,
    )


def _facts(job: Job) -> Mapping[str, str]:
    given = {name: one for name, one in job.options.items() if name not in _OF_TERMINALS}
    return {
        "State": state_fact(job),
        "Kind": job.kind,
        **{
            escape(name.strip("_").replace("_", " ").capitalize()): _shown(one) for name, one in given.items()
        },
        "Time": format_seconds(job.used_s),
    }


def _shown(given: Any) -> str:
    """Return an option; what was sent as data is named alone, as it is long."""
    if isinstance(given, list):
        return ", ".join(map(_shown, given))
    if isinstance(given, dict):
        return escape(str(given.get("name", "as data")))
    return {True: "yes", False: "no"}[given] if isinstance(given, bool) else escape(str(given))


def _result(job: Job) -> str:
    if job.is_open or job.result is None or not job.result["output"].strip():
        return ""
    return f"<h2>Result</h2>{printed('Result', _COLOURS.sub('', job.result['output']).rstrip())}"


def _log(log: str) -> str:
    lines = _COLOURS.sub("", log).strip().splitlines()[-_LOG_LINES:]
    return f"<h2>Last lines</h2>{printed('Last lines of the log', chr(10).join(lines))}" if lines else ""
