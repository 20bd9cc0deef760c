"""Labels prompts: the aliases are asked from cheap to dear, a judge says of each answer whether it copes."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litellm_cascade.offline.labelling.asking import Asker, Said, UnansweredError
from litellm_cascade.offline.labelling.judging import question, verdict_of
from litellm_cascade.offline.labelling.labels import Labels, Prompt

JUDGEMENT_TOKENS = 200
"""Of a verdict: a small JSON object, and room for a model that cannot help explaining."""
NO_VERDICT = "the judge gave no verdict in the form it was asked for"
HOPELESS = 5
"""Prompts that fail before the first is labelled, after which the rest would only cost money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``max_usd``: of all runs into one file together."""

    max_usd: float
    max_tokens: int
    concurrency: int
    logprobs: bool


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a run came to. ``failed`` by reason."""

    labelled: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    spent_usd: float = 0.0
    capped: bool = False
    hopeless: bool = False


class Labeller:
    """A run. Money that failed prompts have cost is counted with the next one that is written, so that no run forgets it; where none
    follows, a file beside keeps it for the next run.
    """

    def __init__(self, asker: Asker, labels: Labels, limits: Limits) -> None:
        self._asker, self._labels, self._limits = asker, labels, limits
        self._dearest_usd, self._lost_usd, self._under_way = labels.dearest_usd, labels.lost_usd, 0
        self.tally = Tally(spent_usd=labels.spent_usd)

    async def label_all(self, prompts: Iterable[Prompt], advance: Callable[[], object]) -> Tally:
        """Those that are not labelled yet, until all are, or the money is spent. ``advance`` is called after each.

        Until one is labelled nobody knows what a prompt costs, and only one is asked at a time.
        """
        waiting = iter(prompt for prompt in prompts if prompt.id not in self._labels.done)

        async def work(*, alone: bool = False) -> None:
            for prompt in waiting:
                if self._is_spent():
                    self.tally.capped = True
                    return
                if not self.tally.labelled and self.tally.failed.total() >= HOPELESS:
                    self.tally.hopeless = True
                    return
                await self._label(prompt)
                advance()
                if alone and self._labels.done:
                    return

        try:
            if not self._labels.done:
                await work(alone=True)
            async with asyncio.TaskGroup() as group:  # ends all of them before the account is kept
                for _ in range(self._limits.concurrency):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._labels.keep_lost(self._lost_usd)
        return self.tally

    def _is_spent(self) -> bool:
        """Whether one more prompt, and those under way, could cost more than is left if each were as dear as the dearest so far."""
        spent, most = self.tally.spent_usd, self._limits.max_usd
        return spent >= most or spent + (self._under_way + 1) * self._dearest_usd > most

    async def _label(self, prompt: Prompt) -> None:
        self._under_way += 1
        costs: list[float] = []
        try:
            found = await self._found(prompt, costs)
            self._labels.add(prompt, found, sum(costs), self._lost_usd)
        except UnansweredError as error:
            self.tally.failed[str(error)] += 1
            self._lost_usd += sum(costs)
        except BaseException as error:  # interrupted, or nobody says what it costs, or it cannot be written: paid is paid
            if isinstance(error, asyncio.CancelledError):  # nobody will say what the call that was cut off has cost
                costs.append(max(0.0, self._dearest_usd - sum(costs)))
            self._lost_usd += sum(costs)
            raise
        else:
            self._lost_usd = 0.0
            self.tally.labelled[found["label"] or "none of them"] += 1
        finally:
            self._under_way -= 1
            self.tally.spent_usd += sum(costs)
            self._dearest_usd = max(self._dearest_usd, sum(costs))

    async def _found(self, prompt: Prompt, costs: list[float]) -> dict[str, Any]:
        correct: dict[str, bool] = {}
        said: dict[str, Said] = {}
        for alias in self._labels.terms.aliases:
            said[alias] = await self._paid(costs, alias, prompt.messages, self._answering())
            correct[alias] = bool(said[alias].text.strip()) and await self._copes(prompt, said[alias].text, costs)
            if correct[alias] and not self._labels.terms.all:
                break
        label = next((alias for alias, copes in correct.items() if copes), None)
        usage = said[label or next(reversed(said))].usage
        scores = {alias: one.scores for alias, one in said.items() if one.scores}
        return {
            "label": label,
            "correct": correct,
            "usage": {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens},
            **({"scores": scores} if scores else {}),
        }

    def _answering(self) -> dict[str, Any]:
        limits = {"max_tokens": self._limits.max_tokens, "temperature": 0}
        return limits | ({"logprobs": True, "top_logprobs": 5} if self._limits.logprobs else {})

    async def _copes(self, prompt: Prompt, answer: str, costs: list[float]) -> bool:
        """Asked once more where the verdict is not in the form. Raises UnansweredError where it never is."""
        reference = prompt.row.get("reference")
        for _ in range(2):
            ticket = secrets.token_hex(8)
            messages = question(prompt.messages, answer, ticket, reference if isinstance(reference, str) else None)
            said = await self._paid(costs, self._labels.terms.judge, messages, {"max_tokens": JUDGEMENT_TOKENS, "temperature": 0})
            verdict = verdict_of(said.text, ticket)
            if verdict is not None:
                return verdict
        raise UnansweredError(NO_VERDICT)

    async def _paid(self, costs: list[float], alias: str, messages: list[Any], parameters: Mapping[str, Any]) -> Said:
        said = await self._asker.ask(alias, messages, parameters)
        costs.append(said.cost_usd)
        return said
