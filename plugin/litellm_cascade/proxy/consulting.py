"""What a rung's model is asked when its answer does not say how sure it is, and what its replies tell: in OpenAI's chat dialect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from litellm_cascade.breaker import Breaker, Permit
from litellm_cascade.errors import LeftAloneError
from litellm_cascade.escalation import Consult, agreement, p_true, prompts
from litellm_cascade.proxy.answers import first_token, to_completion

Parameters = Mapping[str, Any]
KEPT = frozenset({"user", "extra_headers", "extra_body"})
"""Parameters of the request that the one-word check is asked with. Tools, formats and stop words would only get in its way."""
DRAWN_ANEW = frozenset({"n", "seed", "temperature", "max_tokens", "max_completion_tokens"})
"""Parameters of the request that a sample does not have, or has its own of."""
ALMOST = 0.95  # of a deadline; who cancels at it has a clock of its own
ALTERNATIVES = 5  # first words among which True and False are looked for
TEMPERATURE = 0.7  # of the samples; Wang et al. 2022 draw theirs at this one


@contextmanager
def guarded(breaker: Breaker, within_ms: float) -> Iterator[None]:
    """A consultation behind its breaker. Raises LeftAloneError instead where too many have failed, or were cancelled as late, lately."""
    permit, began = breaker.ask(), time.monotonic()
    if permit is Permit.REFUSED:
        raise LeftAloneError
    try:
        yield
    except asyncio.CancelledError:
        late = (time.monotonic() - began) * 1e3 >= within_ms * ALMOST
        (breaker.failed if late else breaker.gave_up)(permit)  # else the client is gone
        raise
    except Exception:
        breaker.failed(permit)
        raise
    breaker.succeeded(permit)


def requests_for(asked: Consult, messages: Sequence[Any], parameters: Parameters) -> list[dict[str, Any]]:
    """The calls that this takes, each as the router's arguments. What the model refuses of them is dropped."""
    return [request | {"drop_params": True} for request in REQUESTS[asked.kind](asked, messages, parameters)]


def score_of(asked: Consult, replies: Sequence[Any]) -> float | None:
    """What the replies, or the errors in their place, come to. Raises the first error when there is nothing else."""
    answered = [reply for reply in replies if not isinstance(reply, BaseException)]
    if not answered:
        raise replies[0]
    if asked.kind == "self_check":
        return p_true(*first_token(answered[0]))
    return agreement(asked.completion, [to_completion(reply) for reply in answered])


def _one_word(asked: Consult, messages: Sequence[Any], parameters: Parameters) -> list[dict[str, Any]]:
    question = prompts.SELF_CHECK if asked.complete else prompts.SELF_CHECK_OF_A_PREFIX
    turns = [{"role": "assistant", "content": prompts.said(asked.completion)}, {"role": "user", "content": question}]
    kept = {name: value for name, value in parameters.items() if name in KEPT}
    asking = {"max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": ALTERNATIVES}
    return [kept | asking | {"messages": [*messages, *turns]}]


def _samples(asked: Consult, messages: Sequence[Any], parameters: Parameters) -> list[dict[str, Any]]:
    kept = {name: value for name, value in parameters.items() if name not in DRAWN_ANEW}
    limits = (parameters.get(name) for name in ("max_tokens", "max_completion_tokens"))
    most = min([asked.gate.consulting.max_tokens, *(limit for limit in limits if isinstance(limit, int))])
    turns = messages if parameters.get("response_format") else _briefly(messages)
    request = kept | {"messages": turns, "max_tokens": most, "temperature": TEMPERATURE}
    return [request] * asked.gate.consulting.samples


def _briefly(messages: Sequence[Any]) -> list[Any]:
    *before, last = messages
    if last.get("role") != "user":
        return [*messages, {"role": "user", "content": prompts.SHORT_ANSWER}]
    content = last.get("content") or ""
    part = {"type": "text", "text": prompts.SHORT_ANSWER}
    longer = f"{content}\n\n{prompts.SHORT_ANSWER}" if isinstance(content, str) else [*content, part]
    return [*before, {**last, "content": longer}]


REQUESTS: Mapping[str, Callable[[Consult, Sequence[Any], Parameters], list[dict[str, Any]]]] = {
    "self_check": _one_word,
    "agreement": _samples,
}
