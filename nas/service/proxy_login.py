"""Who calls, as a proxy before the service says: it has checked the login by OIDC and names user and groups.

Only requests whose connection comes from a trusted address may have these headers; from anywhere else they
are refused, since everybody can write headers.
"""

import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

from nas.service.refusals import ForbiddenError
from nas.service.tokens import ROLES, USER, Role, Token
from search_spaces.errors import InvalidValueError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

USER_HEADER: Final = "X-Forwarded-Preferred-Username"
GROUPS_HEADER: Final = "X-Forwarded-Groups"
PROXY_TOKEN: Final = "proxy"
"""Id in the place of a token's, in the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLogin:
    """Which proxies are trusted, and what their headers mean.

    Attributes:
        networks: Networks of the proxies; none where no proxy is trusted.
        groups: Role of the members of a group, by the group's name; none where proxies log nobody in, and
            are trusted with the name alone by which browsers know the server.
        user_header: Header with the name of the user.
        groups_header: Header with the user's groups, divided by commas.
        secret: What forms of the page are signed with.
    """

    networks: tuple[Network, ...] = ()
    groups: Mapping[str, Role] = field(default_factory=dict)
    user_header: str = USER_HEADER
    groups_header: str = GROUPS_HEADER
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    @classmethod
    def parse(
        cls,
        trust: Sequence[str],
        groups: Sequence[str],
        *,
        user_header: str = USER_HEADER,
        groups_header: str = GROUPS_HEADER,
    ) -> "ProxyLogin":
        """Return what the command line says.

        Args:
            trust: Networks or addresses, for example ``10.0.0.0/8``.
            groups: Each ``ROLE=GROUP``.
            user_header: Header with the name of the user.
            groups_header: Header with the user's groups.

        Raises:
            InvalidValueError: if any of them cannot be read.
        """
        if groups and not trust:
            raise InvalidValueError("Cannot use --proxy-group alone: expected it with --trust-proxy.")
        return cls(
            networks=tuple(map(_network, trust)),
            groups=dict(map(_group, groups)),
            user_header=user_header,
            groups_header=groups_header,
        )

    def trusts(self, address: str) -> bool:
        """Return whether a connection comes from a proxy."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self.networks)

    def token(self, users: Sequence[str], groups: Sequence[str], address: str) -> Token | None:
        """Return who calls, None if no proxy says.

        Args:
            users: Every value of the header of the user.
            groups: Every value of the header of the groups.
            address: Address that the connection comes from.

        Raises:
            ForbiddenError: if another address sent them, or the user may do nothing.
        """
        if not self.networks or not self.groups or (not users and not groups):
            return None
        if not self.trusts(address):
            raise ForbiddenError(
                f"This address may not say who calls: expected no header {self.user_header} or "
                f"{self.groups_header}. Send a token, or ask through the proxy."
            )
        if len(users) != 1 or not USER.fullmatch(users[0]):
            raise ForbiddenError(
                f"Cannot take the user that the proxy names: expected one {self.user_header} of up to 32 "
                f"lower-case letters, digits, - and _. Ask your administrator."
            )
        member = {group.strip() for text in groups for group in text.split(",")}
        roles = {role for group, role in self.groups.items() if group in member}
        role = next((role for role in reversed(ROLES) if role in roles), None)
        if role is None:
            raise ForbiddenError(
                f"{users[0]} is in no group of this service: expected one of "
                f"{', '.join(sorted(self.groups))}. Ask your administrator."
            )
        now = datetime.now(UTC)
        return Token(
            id=PROXY_TOKEN, user=users[0], role=role, created_at=now, expires_at=None, revoked_at=None
        )


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise InvalidValueError(
            f"Cannot read --trust-proxy '{text[:60]}': expected a network or address such as 10.0.0.0/8."
        ) from None


def _group(text: str) -> tuple[str, Role]:
    role, _, group = text.partition("=")
    if role not in ROLES or not group or re.search(r"[,\s]", group):
        raise InvalidValueError(
            f"Cannot read --proxy-group '{text[:60]}': expected ROLE=GROUP with one of {', '.join(ROLES)}, "
            f"for example admin=nas-admins."
        )
    return group, role
