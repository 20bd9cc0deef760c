"""``cascade policies``."""

from __future__ import annotations

import typer

from litellm_cascade.offline.policy_files import from_here, opening_comment, policies_in
from litellm_cascade.policy import load_policy
from litellm_cascade.policy.shipped import shipped_folder


def policies() -> None:
    """List the policies that are shipped.

    Each with the beginning of its digest, its file, and whom it serves. Copy a file to start from it; `explain` and `docs` know them by
    name.

    For example:
      cascade policies
    """
    for number, file in enumerate(policies_in(shipped_folder())):
        policy = load_policy(file)
        typer.echo(f"{'' if number == 0 else chr(10)}{policy.name}  {policy.short_digest}  {from_here(file)}")
        for line in opening_comment(file):
            typer.echo(f"    {line}")
