"""HTML of the first page of the service: the form of a search, and the list of jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from nas.service.job import Job
from nas.service.page_html import frame, hidden, live, problem_line, state_of, table
from nas.service.tokens import Token
from search_spaces.units import format_seconds

_EVERY_S: Final = 5
DEFAULTS: Final[Mapping[str, str]] = {"budget": "1M-MACs", "trials": "16"}
"""What the form of a search has at first, by name of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the form of a search offers.

    Attributes:
        spaces: Names of search spaces.
        data: Names of data sets.
        recipes: Names of training recipes.
        given: What was typed before, by name of the field.
        problem: Why it was not submitted; empty for no reason.
    """

    spaces: Sequence[str]
    data: Sequence[str]
    recipes: Sequence[str]
    given: Mapping[str, str]
    problem: str = ""


def home_page(
    token: Token, key: str, jobs: Sequence[Job], form: Form, *, following: int | None = None
) -> str:
    """Return the page with the form and the list of jobs.

    Args:
        token: Who is logged in.
        key: What forms have to send.
        jobs: Searches and other jobs, latest first.
        form: What the form offers.
        following: Number below which the next page begins; None for the last page.
    """
    more = "" if following is None else f'<p><a href="/?before={following}">Earlier jobs</a></p>'
    return frame(
        "Searches",
        (
            problem_line(form.problem),
            "" if token.role == "viewer" else _form(key, form),
            live("jobs", _table_of(jobs, users=token.role == "admin")),
            more,
        ),
        token=token,
        key=key,
        every_s=_EVERY_S if any(job.is_open for job in jobs) else 0,
    )


def address_of(job: Job) -> str:
    """Return the path of the page of a job."""
    return f"/{'searches' if job.kind == 'search' else 'jobs'}/{job.id}"


def _form(key: str, form: Form) -> str:
    value = {name: escape(text) for name, text in form.given.items()}
    budget, trials, study = (value.get(name, "") for name in ("budget", "trials", "study"))
    return (
        f'<form method="post" action="/searches" id="new" class="card">{hidden(key)}<h2>New search</h2>'
        f'<label>Budget <input name="budget" required value="{budget}" aria-describedby="fits" '
        'spellcheck="false" autocapitalize="off"></label>'
        f"{_select('Space', 'space', form.spaces, form, 'by images and budget')}"
        f"{_select('Images', 'data', form.data, form)}"
        f'<label>Networks <input name="trials" type="number" min="1" max="100000" value="{trials}"></label>'
        f"{_select('Recipe', 'recipe', form.recipes, form, 'proxy, the default')}"
        f'<label>Name <input name="study" maxlength="80" value="{study}" placeholder="one of its own">'
        '</label><p id="fits" class="soft" role="status">What fits is shown here.</p>'
        "<button>Submit</button></form>"
    )


def _select(label: str, name: str, choices: Sequence[str], form: Form, default: str = "") -> str:
    """Return a list to choose from; `default` is the text of the choice of nothing."""
    chosen = form.given.get(name)
    options = [f'<option value="">{default}</option>'] if default else []
    options += [
        f"<option{' selected' if one == chosen else ''}>{escape(one)}</option>"
        for one in choices
        if not default.startswith(one)
    ]
    return f'<label>{label} <select name="{name}">{"".join(options)}</select></label>'


def _table_of(jobs: Sequence[Job], *, users: bool) -> str:
    if not jobs:
        return '<p class="soft">No search yet.</p>'
    heads = ["Name", "Kind", *(["User"] if users else []), "State", "Budget", "Time", "Submitted (UTC)"]
    rows = [
        [
            f'<a href="{address_of(job)}">{escape(job.name)}</a>',
            job.kind,
            *([escape(job.user)] if users else []),
            f'<span class="{job.state}">{state_of(job)}</span>',
            escape(", ".join(job.options.get("budget", []))),
            format_seconds(job.used_s),
            f"{job.submitted_at:%Y-%m-%d %H:%M}",
        ]
        for job in jobs
    ]
    return table("Jobs, latest first", heads, rows, numbers=frozenset({len(heads) - 2}))
