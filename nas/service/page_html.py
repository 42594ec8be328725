"""HTML that all pages of the service share: frame, login, tables, facts. Texts of users are escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from nas.service.job import Job
from nas.service.tokens import Token

_ENDING: Final = "ending"


def frame(
    title: str, body: Iterable[str], *, token: Token | None = None, key: str = "", every_s: int = 0
) -> str:
    """Return a page.

    Args:
        title: Title, text.
        body: HTML of the parts below the heading.
        token: Who is logged in; None for nobody.
        key: What forms have to send.
        every_s: Seconds after which the page looks for news of its live parts; 0 for never.
    """
    out = "" if token is None else (
        f'<form method="post" action="/logout">{hidden(key)}<span class="soft">{escape(token.user)}, '
        f'{token.role}</span> <button class="plain">Log out</button></form>'
    )  # fmt: skip
    views = "" if token is None else ' <a href="/dashboard">Dashboard</a>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} - nas</title><link rel="stylesheet" href="/page.css">'
        f'<script src="/page.js" defer></script></head><body>'
        f'<header><nav><a href="/">nas</a>{views}</nav>{out}</header>'
        f'<main data-every="{every_s}"><h1>{escape(title)}</h1>{"".join(body)}</main></body></html>'
    )


def login_page(problem: str = "") -> str:
    """Return the page that asks for a token."""
    return frame(
        "Log in",
        (
            problem_line(problem),
            '<form method="post" action="/login" class="login"><label>Token <input name="token" '
            'type="password" required autocomplete="current-password" autofocus></label> '
            "<button>Log in</button></form>"
            '<p class="soft">An administrator makes one with <code>nas tokens create USER</code>.</p>',
        ),
    )


def live(name: str, html: str) -> str:
    """Return a part of a page that is kept up to date, with an id of its own."""
    return f'<div id="{name}" data-live>{html}</div>'


def facts(values: Mapping[str, str]) -> str:
    """Return named values.

    Args:
        values: HTML of each value by name.
    """
    rows = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in values.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def state_of(job: Job) -> str:
    """Return the state of a job, ``ending`` for one that is drained."""
    return _ENDING if job.cancel is not None and job.state == "running" else job.state


def state_fact(job: Job) -> str:
    """Return the state of a job, which a screen reader says when it changes."""
    return f'<b id="state" role="status" class="{job.state}">{state_of(job)}</b>'


def table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: frozenset[int]) -> str:
    """Return a table, whose rows become cards on a narrow screen.

    Args:
        name: What it has, for screen readers.
        heads: Names of the columns.
        rows: HTML of the cells.
        numbers: Places of the columns that have numbers.
    """
    classes = ["number" if place in numbers else "" for place in range(len(heads))]
    top = "".join(
        f'<th scope="col" role="columnheader" class="{one}">{head}</th>'
        for head, one in zip(heads, classes, strict=True)
    )
    body = "".join(
        '<tr role="row">'
        + "".join(
            f'<td role="cell" data-name="{head}" class="{one}">{cell}</td>'
            for head, one, cell in zip(heads, classes, cells, strict=True)
        )
        + "</tr>"
        for cells in rows
    )
    return (  # roles, as browsers forget them where a style changes how rows are displayed
        f'<table role="table" aria-label="{escape(name)}"><thead role="rowgroup"><tr role="row">{top}</tr>'
        f'</thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def printed(name: str, text: str) -> str:
    """Return what a program has printed; it scrolls by itself, also with the keyboard."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(name)}">{escape(text)}</pre>'


def end_buttons(token: Token, key: str, job: Job) -> str:
    """Return the buttons that end a job, "" for one that has ended and for who may not."""
    if not job.is_open or token.role == "viewer":
        return ""
    drain = '<button name="now" value="0" class="plain">End after running trainings</button> '
    return (
        f'<form method="post" action="/jobs/{job.id}/cancel" class="buttons">{hidden(key)}'
        f'{drain if job.kind == "search" else ""}<button name="now" value="1" class="plain">Stop now</button>'
        "</form>"
    )


def hidden(key: str) -> str:
    """Return the field by which a form shows that it is of this login."""
    return f'<input type="hidden" name="key" value="{escape(key)}">'


def problem_line(text: str) -> str:
    """Return what is wrong, "" for nothing."""
    return f'<p class="problem" role="alert">{escape(text)}</p>' if text else ""
