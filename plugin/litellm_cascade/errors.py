"""The tree of errors.

CascadeError
├── ConfigurationError   something an operator wrote cannot be used; the message says what, where, and how to mend it
│   ├── PolicyError      a policy document; carries every problem with its position
│   └── StartupError     the proxy's configuration; carries every problem found
├── AccessError          the caller may call no alias that was chosen; the client is told
├── AbstainedError       no model was confident enough of its answer, and the policy wants none served then; the client is told
├── ClassifierError      a classifier cannot be loaded or cannot answer
├── RecordError          a decision record cannot be read; the message says which and why
├── LeftAloneError       what is asked for failed too often, and is not asked for a while
├── BrokenAnswerError    a rung's stream ended without anything that is an answer
└── LateError            a rung did not answer before its gate's deadline; a TimeoutError too
"""

from __future__ import annotations

from collections.abc import Sequence

SECRETS = frozenset({"hmac_key", "postgres", "token"})
"""Settings whose value, or what stands in its place by mistake, is a key, or a URL with a password."""


def as_it_is(place: Sequence[object], value: object) -> str:
    """The end of a sentence about a setting, ``; it is 3 now``. Empty where the value may hold a secret: sentences go to the log."""
    is_plain = value is None or isinstance(value, (bool, int, float, str))
    return f"; it is {value!r} now" if is_plain and SECRETS.isdisjoint(place) and place[-1:] != ("record",) else ""


class CascadeError(Exception):
    """Anything this package raises on purpose."""


class ConfigurationError(CascadeError):
    """One or several problems in what an operator wrote. ``problems`` holds one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class PolicyError(ConfigurationError):
    """A policy that must not be used. Each problem reads ``file:line:col: $.path: what, and what to do``."""


class StartupError(ConfigurationError):
    """A proxy configuration with which going on would be unsafe."""


class RefusalError(CascadeError):
    """The client is meant to see it. ``status_code``, ``type`` and ``param`` are what LiteLLM's own refusals have."""

    status_code = 400
    type = "invalid_request_error"
    param = "model"


class EndpointError(RefusalError):
    """The virtual model was asked for what no chat model gives."""

    def __init__(self, model: str, wanted: str) -> None:
        super().__init__(f"{model!r} answers chats, completions, messages and responses, and has no {wanted}; name a model that has")


class StreamError(RefusalError):
    """LiteLLM takes a ``stream`` that is neither for true in one place and for false in another."""

    param = "stream"

    def __init__(self) -> None:
        super().__init__("'stream' must be true or false")


class AccessError(RefusalError):
    """The caller may call no alias that was chosen."""

    status_code = 403
    type = "key_model_access_denied"

    def __init__(self, aliases: Sequence[str]) -> None:
        super().__init__(f"this key may not call {' or '.join(aliases)}, which this request would go to; ask for access to it")


class AbstainedError(CascadeError):
    """No model of the ladder gave an answer that is good enough, and the policy says that none is to be served then.

    ``reason`` is a word of the closed list of reasons, never a word of the answer.
    """

    status_code = 400
    """Neither clients nor LiteLLM send such a request again by themselves, as they would after a 5xx; LiteLLM makes 400 of 422."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no model was confident enough of its answer to this request ({reason}); ask differently, or ask a larger model")


class ClassifierError(CascadeError):
    """A classifier that cannot be loaded or cannot answer."""


class RecordError(CascadeError):
    """A decision record that cannot be read, or cannot be found."""


class LeftAloneError(CascadeError):
    """Something that has failed too often lately, and is not asked."""


class BrokenAnswerError(CascadeError):
    """A rung whose stream ended without anything that is an answer. What the client is told when no other rung answered either."""

    status_code = 502
    """HTTP's Bad Gateway."""

    def __init__(self) -> None:
        super().__init__("a model of the cascade ended its answer before it had begun")


class LateError(CascadeError, TimeoutError):
    """A rung that did not answer before its gate's deadline. What the client is told when no other rung answered either."""

    status_code = 504
    """HTTP's Gateway Timeout: LiteLLM reads the status of an answer off the error."""

    def __init__(self) -> None:
        super().__init__("no model of the cascade answered before its deadline")
