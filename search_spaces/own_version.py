"""The version of this project as it is installed, whatever its distribution is called."""

from importlib.metadata import entry_points

_SCRIPT = "nas.__main__:main"


def own_version() -> str:
    """Return the version of the distribution that has the command ``nas``; ``unknown`` in a bare copy."""
    scripts = entry_points(group="console_scripts", name="nas")
    found = (script.dist.version for script in scripts if script.dist and script.value == _SCRIPT)
    return next(found, "unknown")
