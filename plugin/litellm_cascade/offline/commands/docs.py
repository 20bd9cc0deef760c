"""``cascade docs``."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Annotated

import typer

from litellm_cascade.offline.policy_document import write_document
from litellm_cascade.offline.policy_files import find_policy


def docs(
    policy: Annotated[
        str, typer.Argument(metavar="POLICY", help="A file, or a name: looked for in policies, then among those that are shipped.")
    ],
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The date to write on it. [default: none]")
    ] = None,
) -> None:
    """Write a policy down as a document that an auditor can file.

    In Markdown, on standard output: purpose, digest, models, each route in words with its condition, gates, limits, privacy, and the
    tests beside the policy with their results. The same files give the same document, so it bears a date only when it is given one.

    Exit codes: 0 written, 1 the policy cannot be used (nothing is written) or a test beside it fails (the document says which), 2 there
    is no such policy.

    For example:
      cascade docs balanced
      cascade docs policies/balanced.yaml --date 2026-01-31 > balanced.md
    """
    written = write_document(find_policy(policy), date=date.date().isoformat() if date else None, version=version("litellm-cascade"))
    typer.echo(written.text, nl=False)
    raise typer.Exit(0 if written.tests_pass else 1)
