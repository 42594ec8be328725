"""Escapes text of users, such as names of files and errors, for Markdown."""


def escaped(text: str) -> str:
    """Return text without columns and HTML of its own, as Markdown and cells of its tables show it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
