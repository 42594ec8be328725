"""A group of commands whose context is of typer's public class."""

import typer
from typer.core import TyperGroup


class Group(TyperGroup):
    """Hands its commands a context of typer's public class."""

    context_class = typer.Context
