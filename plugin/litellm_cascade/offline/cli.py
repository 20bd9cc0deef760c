"""The command ``cascade``. To add a command: its file in ``commands/`` and its line in ``COMMANDS``."""

from __future__ import annotations

from typing import Annotated

import typer

from litellm_cascade.offline.lazy_group import lazy_group

COMMANDS = {
    "check": "Say everything that is wrong with policies, each with its place.",
    "test": "Run the tests that stand beside policies.",
    "explain": "Say what a policy does with a prompt, step by step, and why.",
    "classify": "Say what a classifier makes of a prompt, or of each prompt in a file.",
    "audit": "Verify and read the decision record.",
    "schema": "Print the JSON schema of the policy language.",
    "docs": "Write a policy down as a document that an auditor can file.",
    "policies": "List the policies that are shipped.",
    "bench": "Measure what cascades are worth on recorded answers.",
    "replay": "Decide recorded traffic again with a policy, and say what that is expected to cost.",
    "plan": "Compare two policies on recorded traffic: who moves, and what that changes.",
    "calibrate": "Fit what confidence is worth: from a score to the probability that the answer is right.",
    "train": "Train a classifier on data of your own, or again on ours.",
}
"""Each name with its line in the help: the function of that name in the module of that name, imported when it is asked for."""

app = typer.Typer(
    cls=lazy_group("litellm_cascade.offline.commands", COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - half of the time that --help takes

        typer.echo(f"litellm-cascade {version('litellm-cascade')}")
        raise typer.Exit


@app.callback()
def cascade(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Check, test, explain and document policies of litellm-cascade, and calibrate gates.

    Nothing here needs a network, unless it is told to ask a model.

    Exit codes: 0 all is well, 1 problems were found, 2 the command was called wrongly (an unknown option, a path that does not exist).

    For example:
      cascade check
      cascade explain "How many legs has a spider?"
      cascade docs balanced --date 2026-01-31 > balanced.md
    """
    del version
