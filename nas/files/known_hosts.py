"""Restricts fsspec's sftp to the hosts in known_hosts, as ssh does; by default it trusts every host."""

import os
from pathlib import Path
from typing import Any, Final

_FILES: Final = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


def known_hosts_policy() -> Any:
    """Return a policy of paramiko that rejects hosts whose key is not in ssh's known_hosts files.

    Raises:
        ImportError: if paramiko is not installed.
    """
    import paramiko  # noqa: PLC0415 -- only who has an sftp:// URL needs it

    class KnownHosts(paramiko.MissingHostKeyPolicy):
        """Reads the known_hosts files at each connection."""

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            """Reject a key that is in none of the files."""
            del client
            for name in _FILES:
                path = Path(os.path.expanduser(name))  # noqa: PTH111 -- a user without a home has no such file
                if path.is_file() and paramiko.HostKeys(str(path)).check(hostname, key):
                    return
            raise paramiko.SSHException(
                f"the {key.get_name()} key of {hostname} is not in ~/.ssh/known_hosts; connect by ssh "
                f"once to add it"
            )

    return KnownHosts()
