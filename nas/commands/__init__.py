"""Commands of ``nas``, one file each: options, help and what is printed.

A file binds ``COMMAND``, a function whose docstring is the help and ends in an example, or a `typer.Typer`
for a group of commands. A command imports what it runs when it runs, so that ``nas --help`` needs no torch.
"""

from collections.abc import Callable
from typing import Final

import typer

from nas.commands._group import Group as Group
from nas.commands._remote import SERVER as SERVER
from nas.commands._remote import check_server as check_server
from nas.commands._remote import remotely as remotely
from search_spaces.shelf import Shelf

COMMANDS: Final[Shelf[Callable[..., None] | typer.Typer]] = Shelf(__name__, "COMMAND", "command")
