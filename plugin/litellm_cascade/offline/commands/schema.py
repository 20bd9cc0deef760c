"""``cascade schema``."""

from __future__ import annotations

import typer

from litellm_cascade.policy.schema import policy_schema


def schema() -> None:
    """Print the JSON schema of the policy language.

    It is what the first line of a policy names, for editors that complete and check YAML. Conditions and references between the parts of
    a policy are beyond a schema: `cascade check` checks them.

    For example:
      cascade schema > policies/policy.schema.json
    """
    typer.echo(policy_schema(), nl=False)
