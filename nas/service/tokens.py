"""Tokens of users: made, listed, revoked, and found again by their hash.

A token is 256 random bits, so one round of SHA-256 hides it; a slow hash is for passwords that people choose.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, cast

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from nas.service.job_table import JobTable
from nas.service.refusals import NotFoundError
from nas.storage.schema import AuditRow, TokenRow, UserRow
from search_spaces.errors import InvalidValueError, UnknownNameError

Role: TypeAlias = Literal["viewer", "user", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "user", "admin")
PREFIX: Final = "nas_"
USER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LONGEST_DAYS: Final = 3650
_ADD_USER: Final = text("INSERT INTO nas_users (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret.

    Attributes:
        id: Text of 8 hexadecimal digits, by which it is listed and revoked.
        user: User that it belongs to.
        role: ``viewer`` reads the user's searches, ``user`` also submits and cancels, ``admin`` does so
            for all users.
        created_at: Time at which it was made.
        expires_at: Time from which it is refused; None for never.
        revoked_at: Time at which it was revoked; None if it was not.
    """

    id: str
    user: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Return whether it is accepted."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, times as text."""
        times = {name: getattr(self, name) for name in ("created_at", "expires_at", "revoked_at")}
        shown = {name: None if time is None else time.isoformat() for name, time in times.items()}
        return {"id": self.id, "user": self.user, "role": self.role, **shown}


class Tokens:
    """The tokens in one database.

    Args:
        table: The jobs in the same database.
    """

    def __init__(self, table: JobTable) -> None:
        self._table = table

    def create(
        self, user: str, role: str = "user", *, days: float | None = 90.0, jobs_at_once: int | None = None
    ) -> tuple[str, Token]:
        """Make a token, and return its secret, which is stored nowhere, and what is stored of it.

        Args:
            user: Name of the user, new or known.
            role: ``viewer``, ``user`` or ``admin``.
            days: Days for which it is valid, above 0; None for always.
            jobs_at_once: Most running jobs of the user from now on; None to leave that as it is.

        Raises:
            UserError: if any of them cannot be used.
        """
        if not USER.fullmatch(user):
            raise InvalidValueError(
                f"Cannot call a user '{user[:40]}': expected up to 32 lower-case letters, digits, - and _, "
                f"beginning with a letter or digit, for example alice."
            )
        if role not in ROLES:
            raise UnknownNameError.of("role", role, ROLES)
        if days is not None and not 0 < days <= _LONGEST_DAYS:
            raise InvalidValueError(
                f"Cannot make a token for {days:g} days: expected --days above 0 and up to {_LONGEST_DAYS}, "
                f"for example --days 90."
            )
        if jobs_at_once is not None and jobs_at_once < 0:
            raise InvalidValueError(
                f"Cannot run {jobs_at_once} searches at once: expected --jobs-at-once of at least 0."
            )
        secret, now = PREFIX + secrets.token_urlsafe(32), datetime.now(UTC)
        row = TokenRow(
            id=secrets.token_hex(4),
            user=user,
            role=role,
            digest=_digest(secret),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
        with self._table.writing() as session:
            _keep_user(session, user, jobs_at_once)
            session.add(row)
            session.flush()
            return secret, _token(row)

    def keep(self, user: str) -> None:
        """Add a user, if there is none of this name."""
        with self._table.writing() as session:
            _keep_user(session, user, None)

    def listed(self) -> tuple[Token, ...]:
        """Return all tokens, by user and age."""
        wanted = select(TokenRow).order_by(TokenRow.user, TokenRow.created_at)
        with self._table.writing() as session:
            return tuple(map(_token, session.scalars(wanted)))

    def revoke(self, id: str) -> Token:  # noqa: A002 -- what it is called on the command line
        """Revoke a token from now on, and return it.

        Raises:
            NotFoundError: if there is none.
        """
        with self._table.writing() as session:
            row = session.get(TokenRow, id)
            if row is None:
                raise NotFoundError(
                    f"There is no token '{id[:40]}': expected the id of one. List them with: nas tokens list"
                )
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            return _token(row)

    def find(self, secret: str, *, now: datetime | None = None) -> Token | None:
        """Return the valid token with a secret, None if there is none.

        Args:
            secret: What the caller sent.
            now: Time of the request; by default now.
        """
        with self._table.writing() as session:
            row = session.scalars(select(TokenRow).where(TokenRow.digest == _digest(secret))).first()
            token = None if row is None else _token(row)
        return token if token is not None and token.is_valid(now or datetime.now(UTC)) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of a user.

    Attributes:
        number: Its place in the order of acts.
        at: Its time.
        user: Who did it.
        token: Id of the token.
        act: What was done, for example ``submit``.
        subject: What it was done to, for example the id of a search.
    """

    number: int
    at: datetime
    user: str
    token: str
    act: str
    subject: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, the time as text."""
        return {
            "number": self.number, "at": self.at.isoformat(), "user": self.user, "token": self.token,
            "act": self.act, "subject": self.subject,
        }  # fmt: skip


class AuditLog:
    """Who did what, in the same database; entries are only added.

    Args:
        table: The jobs in the same database.
    """

    def __init__(self, table: JobTable) -> None:
        self._table = table

    def add(self, token: Token, act: str, subject: str) -> None:
        """Add an entry."""
        row = AuditRow(at=datetime.now(UTC), user=token.user, token=token.id, act=act, subject=subject[:512])
        with self._table.writing() as session:
            session.add(row)

    def page(self, *, before: int | None = None, limit: int = 50) -> tuple[Act, ...]:
        """Return entries, latest first.

        Args:
            before: Number that theirs are below, for the next page; None for the first.
            limit: Most entries, at least 1.
        """
        wanted = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(AuditRow.number < before)
        with self._table.writing() as session:
            return tuple(
                Act(number=r.number, at=r.at, user=r.user, token=r.token, act=r.act, subject=r.subject)
                for r in session.scalars(wanted)
            )


def _keep_user(session: Session, user: str, jobs_at_once: int | None) -> None:
    if session.get(UserRow, user) is None:
        session.execute(_ADD_USER, {"name": user})  # which another request may have added meanwhile
    if jobs_at_once is not None:
        session.execute(update(UserRow).where(UserRow.name == user).values(jobs_at_once=jobs_at_once))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        user=row.user,
        role=cast("Role", row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
