"""Tokens open what their role allows, until they expire or are revoked, and are stored nowhere."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from nas.service.quotas import Quotas
from nas.service.tokens import AuditLog, Tokens
from search_spaces.errors import UserError


def test_a_token_is_found_by_its_secret_until_it_expires(table):
    made = Tokens(table)
    secret, token = made.create("ann", "admin", days=2)
    assert made.find(secret) == token
    assert made.find(secret[:-1]) is None
    assert made.find("") is None
    assert made.find(secret, now=datetime.now(UTC) + timedelta(days=2)) is None


def test_a_revoked_token_is_refused_and_stays_in_the_list(table):
    made = Tokens(table)
    secret, token = made.create("ann")
    other, _ = made.create("ann")
    made.revoke(token.id)
    assert made.find(secret) is None
    assert made.find(other) is not None
    assert [one.revoked_at is None for one in made.listed()] == [False, True]


def test_a_database_holds_no_secret(table):
    secret, _ = Tokens(table).create("ann")
    with table.writing() as session:
        rows = [tuple(row) for row in session.execute(text("SELECT * FROM nas_tokens"))]
    assert rows
    assert secret not in str(rows)
    assert secret.removeprefix("nas_") not in str(rows)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"user": "Ann"}, "lower-case letters"),
        ({"user": "a.b"}, "lower-case letters"),
        ({"user": "ann", "role": "root"}, "No role is called 'root'"),
        ({"user": "ann", "days": 0.0}, "--days above 0"),
        ({"user": "ann", "jobs_at_once": -1}, "at least 0"),
    ],
)
def test_what_no_token_can_have_is_refused(table, given, expected):
    with pytest.raises(UserError, match=expected):
        Tokens(table).create(**given)
    assert Tokens(table).listed() == ()


def test_the_audit_log_is_read_in_pages_latest_first(table):
    _, token = Tokens(table).create("ann")
    log = AuditLog(table)
    for number in range(3):
        log.add(token, "submit", f"job {number}")
    first = log.page(limit=2)
    assert [act.subject for act in (*first, *log.page(before=first[-1].number))] == [
        "job 2",
        "job 1",
        "job 0",
    ]
    assert {act.user for act in first} == {"ann"}


def test_requests_that_come_together_add_a_new_user_once(table):
    made = Tokens(table)
    for number in range(10):
        together = threading.Barrier(6)

        def keep(_, name=f"new-{number}", together=together):
            together.wait()
            made.keep(name)

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(keep, range(6)))
    assert len(Quotas(table).all()) == 10
