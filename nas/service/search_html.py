"""HTML of the page of one search: its facts, curves and networks."""

from html import escape
from typing import Final

from dashboards.result import SearchResult, TrialResult
from nas.service.job import Job
from nas.service.page_html import end_buttons, facts, frame, live, problem_line, state_fact, table
from nas.service.tokens import Token
from search_spaces.costs import format_cost
from search_spaces.units import format_accuracy

_COSTS: Final = ("macs", "params")
_HEADS: Final = ("Trial", "Accuracy", "MACs", "Parameters", "State", "Network")
_NUMBERS: Final = frozenset({0, 1, 2, 3})
_SHOWN: Final = 20


def search_page(token: Token, key: str, job: Job, result: SearchResult | None) -> str:
    """Return the page of one search."""
    return frame(
        job.name,
        (
            live("facts", f"{_facts(job, result)}{problem_line(job.error or '')}"),
            live("acts", f"{_links(job, result)}{end_buttons(token, key, job)}"),
            _curves(job),
            live("networks", _networks(job, result)),
            f'<p><a href="/v1/searches/{job.id}/log">Log</a></p>',
        ),
        token=token,
        key=key,
    )


def _facts(job: Job, result: SearchResult | None) -> str:
    return facts(
        {
            "State": state_fact(job),
            "Budgets": escape(", ".join(job.options.get("budget", []))),
            "Images": escape(str(job.options.get("data", "digits"))),
            "Networks trained": f'<span id="trained">{0 if result is None else result.trained}</span>',
            "Best": f'<span id="best">{_best(result)}</span>',
        }
    )


def _links(job: Job, result: SearchResult | None) -> str:
    if result is None or result.best is None:
        return ""
    return (
        f'<p class="buttons"><a class="button" href="/v1/searches/{job.id}/export" download>Download the '
        f'best network</a> <a href="/v1/searches/{job.id}/report">Report</a> '
        f'<a href="/searches/{job.id}/dashboard">Dashboard</a></p>'
    )


def _curves(job: Job) -> str:
    return (
        f'<figure id="curves" data-search="{job.id}"><svg role="img" aria-label="Validation accuracy of '
        'each network by epoch"></svg><figcaption class="soft" role="status">No epoch has ended yet.'
        "</figcaption></figure>"
    )


def _networks(job: Job, result: SearchResult | None) -> str:
    if result is None or not result.networks:
        return ""
    rows = [_row(job, network) for network in result.networks[:_SHOWN]]
    more = len(result.networks) - len(rows)
    rest = f'<p class="soft">{more} more are in the report.</p>' if more else ""
    return f"<h2>Networks</h2>{table('Networks, best first', _HEADS, rows, numbers=_NUMBERS)}{rest}"


def _row(job: Job, network: TrialResult) -> list[str]:
    picture = f"/v1/searches/{job.id}/networks/{network.trial}/picture"
    return [
        str(network.trial),
        "" if network.accuracy is None else format_accuracy(network.accuracy, network.standard_error),
        *(format_cost(name, network.costs[name]) for name in _COSTS),
        network.state,
        f'<a href="{picture}" aria-label="Picture of network {network.trial}">Picture</a>',
    ]


def _best(result: SearchResult | None) -> str:
    best = None if result is None else result.best
    if best is None or best.accuracy is None:
        return "none yet"
    return format_accuracy(best.accuracy, best.standard_error)
