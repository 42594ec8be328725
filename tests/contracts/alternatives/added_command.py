"""nas added_command: says a word."""

import typer


def COMMAND(word: str = "hello") -> None:  # noqa: N802
    """Say a word.

    Example: nas added_command --word hello
    """
    typer.echo(word)
