"""Put beside a proxy's configuration: a callback that leaves streams as clients do, and collects garbage all the while."""

import gc
from contextvars import ContextVar, copy_context
from typing import ClassVar

from litellm import CustomStreamWrapper
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.litellm_logging import Logging, session_id_var, trace_id_var

STREAMS = 3_000
SOON = 50
VARIABLES = [ContextVar(f"of_a_request_{number}") for number in range(20)]


class Reusing:
    """Takes memory that has just been given back, and writes over it, as anything may that is finalized with a stream."""

    taken: ClassVar = []

    def __del__(self):
        self.taken[:] = [bytearray(b"\xff" * size) for size in range(15, 511, 16)]


class Leaving(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        usual = gc.get_threshold()
        try:
            for number in range(STREAMS):
                gc.set_threshold(1 + number % SOON, 1, 1)  # it is begun by the allocation after so many, wherever that is
                leave_a_stream()
                copy_context().run(set_all)
        finally:
            gc.set_threshold(*usual)


def leave_a_stream():
    """Only the garbage collector finds it. What its finalizer reads is what a stream of this task has."""
    logging = Logging.__new__(Logging)
    logging._own_trace_id = logging._pre_call_trace_id = trace_id_var.get()
    logging._own_session_id = logging._pre_call_session_id = session_id_var.get()
    stream = CustomStreamWrapper.__new__(CustomStreamWrapper)
    stream.logging_obj, stream.itself, stream.other = logging, stream, Reusing()


def set_all():
    for variable in VARIABLES:
        variable.set(object())


loaded = Leaving()
