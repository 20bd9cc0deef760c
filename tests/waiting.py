"""Asking again until it holds."""

import inspect
import time

MOST_SHOWN = 3000  # characters of the last answer: it may be all that a proxy has logged


def until(ask, holds=bool, *, within_s=30.0, every_s=0.02, told=None):
    """The first answer of ``ask`` of which ``holds`` is true; an AssertionError with the last one, and what ``told`` adds, where none is.

    The deadline matters only when a test fails, so it is generous: a busy machine takes long for what is right.
    """
    deadline = time.monotonic() + within_s
    while not holds(answer := ask()):
        if time.monotonic() >= deadline:
            waited_for = _source(ask if holds is bool else holds)
            raise AssertionError(f"not within {within_s} s: {waited_for}\nat last: {repr(answer)[:MOST_SHOWN]}\n{told() if told else ''}")
        time.sleep(every_s)
    return answer


def _source(function):
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):  # of a script without a file, or not written in Python
        return repr(function)
