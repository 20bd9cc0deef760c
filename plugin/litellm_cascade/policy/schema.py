"""The policy language as a JSON schema, which editors read while a policy is written."""

from __future__ import annotations

import json

from litellm_cascade.policy.document import Document


def policy_schema() -> str:
    """The text of ``policies/policy.schema.json``: shapes, ranges and descriptions. Conditions and references are checked at load."""
    schema = Document.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "litellm-cascade policy"}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
