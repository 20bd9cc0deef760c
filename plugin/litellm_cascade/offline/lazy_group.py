"""Commands that are imported when they are asked for, so that ``--help`` costs nothing, and errors told as sentences."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from litellm_cascade.errors import CascadeError

PLAIN: Final[Mapping[str, Any]] = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}


class _LazyGroup(TyperGroup):
    package: ClassVar[str]
    summaries: ClassVar[Mapping[str, str]]
    elsewhere: ClassVar[Mapping[str, str]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.help = _laid_out(self.help)
        # What the help and the spelling suggestions need.
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in self.summaries.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, _imported(self.elsewhere.get(name or "", self.package), name) if listed is not None and name else listed, rest

    def invoke(self, ctx: Any) -> Any:
        """Run it. What an operator can mend is told without a traceback, on standard error."""
        _never_fail_to_print()
        try:
            return super().invoke(ctx)
        except CascadeError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if error.filename is None:  # not of a file: a pipe that was closed
                raise
            typer.echo(f"{error.filename} cannot be opened ({error.strerror}); check the path, and who may use it", err=True)
            raise typer.Exit(1) from None


def lazy_group(package: str, summaries: Mapping[str, str], elsewhere: Mapping[str, str] | None = None) -> typer.Typer:
    """A group with a command for each name: the function of that name in the package's module of that name.

    ``elsewhere`` names another package for some of them.
    """
    group = type("LazyGroup", (_LazyGroup,), {"package": package, "summaries": summaries, "elsewhere": elsewhere or {}})
    return typer.Typer(cls=group, no_args_is_help=True, **PLAIN)


def _imported(package: str, name: str) -> Any:
    word = name.replace("-", "_")
    found = getattr(import_module(f"{package}.{word}"), word)
    if isinstance(found, typer.Typer):  # a group of commands
        return get_command(found)
    alone = typer.Typer(**PLAIN)
    alone.command(name)(found)
    command = get_command(alone)
    command.help = _laid_out(command.help)
    return command


def _laid_out(text: str | None) -> str | None:
    """Paragraphs may be wrapped, examples may not: Typer's mark for that is a backspace, which no docstring should hold."""
    return re.sub(r"^(?=For example:$)", "\b\n", text, flags=re.MULTILINE) if text else text


def _never_fail_to_print() -> None:
    """What a terminal's encoding lacks is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
