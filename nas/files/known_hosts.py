"""Lets fsspec's sftp talk to known hosts alone, as ssh does; by itself it trusts every host."""

from pathlib import Path
from typing import Any, Final

_FILES: Final = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


def known_hosts_policy() -> Any:
    """Return a policy of paramiko that refuses hosts whose key ssh does not know.

    Raises:
        ImportError: if paramiko is not installed.
    """
    import paramiko  # noqa: PLC0415 -- only who has an sftp:// URL needs it

    class KnownHosts(paramiko.MissingHostKeyPolicy):
        """Asks the files of ssh each time."""

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            """Refuse a key that is in none of the files."""
            del client
            for path in (Path(name).expanduser() for name in _FILES):
                if path.is_file() and paramiko.HostKeys(str(path)).check(hostname, key):
                    return
            raise paramiko.SSHException(
                f"the {key.get_name()} key of {hostname} is not in ~/.ssh/known_hosts; connect by ssh once"
            )

    return KnownHosts()
