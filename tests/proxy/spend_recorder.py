"""A LiteLLM callback for the proxy process: one JSON line per logged call, into the file that CASCADE_SPEND_FILE names.

LiteLLM loads it as ``spend_recorder.recorder`` from a file beside the configuration, which is why it imports nothing of ours.
"""

import json
import os
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger


class SpendRecorder(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        _append("success", kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        _append("failure", kwargs)


def _append(kind, kwargs):
    logged = kwargs.get("standard_logging_object") or {}
    row = {"kind": kind, "internal_call_origin": _origin(kwargs), "model": kwargs.get("model"), "standard_logging_object": logged}
    with Path(os.environ["CASCADE_SPEND_FILE"]).open("ab", buffering=0) as file:  # one write a row, so that rows never interleave
        file.write(json.dumps(row, default=str).encode() + b"\n")


def _origin(kwargs):
    parameters = kwargs.get("litellm_params") or {}
    found = ((parameters.get(name) or {}).get("internal_call_origin") for name in ("metadata", "litellm_metadata"))
    return next(filter(None, found), None)


recorder = SpendRecorder()
