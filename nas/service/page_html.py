"""HTML of the service's page: queue, form, one search. Every text of a user is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from dashboards.result import SearchResult, TrialResult
from nas.service.job import Job
from nas.service.tokens import Token
from search_spaces.costs import format_cost
from search_spaces.units import format_accuracy

_COSTS: Final = ("macs", "params")
_SHOWN: Final = 20


def frame(title: str, body: Iterable[str], *, token: Token | None = None, key: str = "") -> str:
    """Return a page.

    Args:
        title: Title, text.
        body: HTML of the parts below the heading.
        token: Who is logged in; None for nobody.
        key: What forms have to send.
    """
    out = "" if token is None else (
        f'<form method="post" action="/logout">{_hidden(key)}<span class="soft">{escape(token.user)}, '
        f'{token.role}</span> <button class="plain">Log out</button></form>'
    )  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} - nas</title><link rel="stylesheet" href="/page.css">'
        f'<script src="/page.js" defer></script></head><body><header><a href="/">nas</a>{out}</header>'
        f"<main><h1>{escape(title)}</h1>{''.join(body)}</main></body></html>"
    )


def login_page(problem: str = "") -> str:
    """Return the page that asks for a token."""
    return frame(
        "Log in",
        (
            _problem(problem),
            '<form method="post" action="/login"><label>Token <input name="token" type="password" required '
            'autocomplete="current-password" autofocus></label> <button>Log in</button></form>'
            '<p class="soft">An administrator makes one with <code>nas tokens create USER</code>.</p>',
        ),
    )


def home_page(
    token: Token,
    key: str,
    jobs: Sequence[Job],
    spaces: Sequence[str],
    data: Sequence[str],
    *,
    following: int | None = None,
    problem: str = "",
) -> str:
    """Return the page with the form and the list of searches.

    Args:
        token: Who is logged in.
        key: What forms have to send.
        jobs: Searches, latest first.
        spaces: Names of the search spaces.
        data: Names of the data sets.
        following: Number below which the next page begins; None for the last page.
        problem: Why a search was not submitted; empty for no reason.
    """
    form = "" if token.role == "viewer" else _form(key, spaces, data)
    more = "" if following is None else f'<p><a href="/?before={following}">Earlier searches</a></p>'
    return frame("Searches", (_problem(problem), form, _table_of(jobs), more), token=token, key=key)


def search_page(token: Token, key: str, job: Job, result: SearchResult | None) -> str:
    """Return the page of one search."""
    end = ""
    if job.is_open and token.role != "viewer":
        end = (
            f'<form method="post" action="/searches/{job.id}/cancel">{_hidden(key)}<button name="now" '
            'value="0">End after running trainings</button> <button name="now" value="1" class="plain">Stop '
            "now</button></form>"
        )
    error = "" if job.error is None else _problem(job.error)
    links = "" if result is None or result.best is None else (
        f'<p><a class="button" href="/v1/searches/{job.id}/export" download>Download the best network</a> '
        f'<a href="/v1/searches/{job.id}/report">Report</a></p>'
    )  # fmt: skip
    facts = {
        "State": f'<b id="state" class="{job.state}">{job.state}</b>',
        "Budgets": escape(", ".join(job.options.get("budget", []))),
        "Images": escape(str(job.options.get("data", "digits"))),
        "Networks trained": f'<span id="trained">{0 if result is None else result.trained}</span>',
        "Best": f'<span id="best">{_best(result)}</span>',
    }
    return frame(
        job.name,
        (
            '<dl class="facts">',
            *(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()),
            f"</dl>{error}{links}{end}",
            f'<figure id="curves" data-search="{job.id}" data-open="{int(job.is_open)}">'
            '<svg viewBox="0 0 640 260" role="img" aria-label="Validation accuracy of each network by '
            'epoch"></svg><figcaption class="soft">Validation accuracy by epoch, one line for each network'
            "</figcaption></figure>",
            _networks(job, result),
            f'<p><a href="/v1/searches/{job.id}/log">Log</a></p>',
        ),
        token=token,
        key=key,
    )


def _form(key: str, spaces: Sequence[str], data: Sequence[str]) -> str:
    options = "".join(f"<option>{escape(name)}</option>" for name in spaces)
    images = "".join(f"<option>{escape(name)}</option>" for name in data)
    return (
        f'<form method="post" action="/searches" id="new" class="card">{_hidden(key)}<h2>New search</h2>'
        '<label>Budget <input name="budget" required value="1M-MACs" aria-describedby="fits" '
        'spellcheck="false"></label>'
        f'<label>Space <select name="space"><option value="">by images and budget</option>{options}</select>'
        f'</label><label>Images <select name="data">{images}</select></label>'
        '<label>Networks <input name="trials" type="number" min="1" max="100000" value="16"></label>'
        '<label>Name <input name="study" maxlength="80" placeholder="one of its own"></label>'
        '<p id="fits" class="soft" aria-live="polite">What fits is shown here once a space is chosen.</p>'
        "<button>Submit</button></form>"
    )


def _table_of(jobs: Sequence[Job]) -> str:
    if not jobs:
        return '<p class="soft">No search yet.</p>'
    rows = "".join(
        f'<tr><td><a href="/searches/{job.id}">{escape(job.name)}</a></td><td>{escape(job.user)}</td>'
        f'<td class="{job.state}">{job.state}</td><td>{escape(", ".join(job.options.get("budget", [])))}</td>'
        f'<td class="number">{job.used_s:.0f} s</td><td>{job.submitted_at:%Y-%m-%d %H:%M}</td></tr>'
        for job in jobs
    )
    heads = "<th>Search</th><th>User</th><th>State</th><th>Budget</th><th>Time</th><th>Submitted (UTC)</th>"
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _networks(job: Job, result: SearchResult | None) -> str:
    if result is None or not result.networks:
        return ""
    rows = "".join(_row(job, network) for network in result.networks[:_SHOWN])
    heads = "<th>Trial</th><th>Accuracy</th><th>MACs</th><th>Parameters</th><th>State</th><th></th>"
    return (
        f'<h2>Networks</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _row(job: Job, network: TrialResult) -> str:
    accuracy = "" if network.accuracy is None else format_accuracy(network.accuracy, network.standard_error)
    costs = "".join(f'<td class="number">{format_cost(name, network.costs[name])}</td>' for name in _COSTS)
    return (
        f'<tr><td class="number">{network.trial}</td><td class="number">{accuracy}</td>{costs}'
        f'<td>{network.state}</td><td><a href="/v1/searches/{job.id}/networks/{network.trial}/picture">'
        "Picture</a></td></tr>"
    )


def _best(result: SearchResult | None) -> str:
    best = None if result is None else result.best
    return (
        "none yet"
        if best is None or best.accuracy is None
        else format_accuracy(best.accuracy, best.standard_error)
    )


def _hidden(key: str) -> str:
    return f'<input type="hidden" name="key" value="{escape(key)}">'


def _problem(text: str) -> str:
    return f'<p class="problem" role="alert">{escape(text)}</p>' if text else ""
