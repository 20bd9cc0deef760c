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
    "bench": "Measure routing and cascades: recorded, simulated, or in a real proxy.",
    "replay": "Decide recorded traffic again with a policy, and say what that is expected to cost.",
    "plan": "Compare two policies on recorded traffic: who moves, and what that changes.",
    "tune": "Find thresholds that save the most at a quality, or give the most quality for a budget.",
    "drift": "Say whether traffic has moved: task types, complexity, and how sure the models are.",
    "report": "Say what the cascade saved, how good its answers were, and what changed since the last report.",
    "label": "Label prompts with the cheapest model that copes, by the word of a judge.",
    "calibrate": "Fit what confidence is worth: from a score to the probability that the answer is right.",
    "train": "Train a classifier on data of your own.",
    "serve-classifier": "Run one classifier as a service that many proxies share.",
    "export-triton": "Write a model repository for the Triton inference server.",
}
"""Each name with its line in the help: the function of that name in the module of that name, imported when it is asked for."""
ELSEWHERE = dict.fromkeys(("serve-classifier", "export-triton"), "litellm_cascade.service.commands")

app = lazy_group("litellm_cascade.offline.commands", COMMANDS, ELSEWHERE)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - half of the time that --help takes

        typer.echo(f"litellm-cascade {version('litellm-cascade')}")
        raise typer.Exit


@app.callback()
def cascade(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Check, test, explain and document policies of litellm-cascade, calibrate and tune gates.

    Nothing here needs a network, unless it is told to ask a model; label asks some, and spends money.

    Exit codes: 0 all is well, 1 problems were found, 2 the command was called wrongly (an unknown option, a path that does not exist).

    For example:
      cascade check
      cascade explain "How many legs has a spider?"
      cascade docs balanced --date 2026-01-31 > balanced.md
    """
    del version
