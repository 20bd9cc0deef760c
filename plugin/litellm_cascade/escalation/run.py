"""One request's way up its ladder, as a state machine without input or output.

Whoever drives it (the proxy, a replay, a simulation; whole answers and streams alike) asks the rung it names and reports what came
of it: ``answered`` or ``failed``. The run says what to do next: ``Ask`` another rung, ``Serve`` one that answered, or ``Fail``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from litellm_cascade.escalation.judging import is_empty, judge
from litellm_cascade.vocabulary import Attempt, Completion, Decision, Judgement, Outcome, Reason, Usage, Verdict


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this rung next."""

    rung: int
    alias: str


@dataclass(frozen=True, slots=True)
class Serve:
    """Give the client this rung's answer."""

    rung: int


@dataclass(frozen=True, slots=True)
class Fail:
    """No rung answered; give the client the last error as it was."""

    error: Exception


Step = Ask | Serve | Fail


class CascadeRun:
    """Drive with ``start``, then ``answered`` or ``failed`` for each rung that was asked; read ``outcome`` at any time."""

    def __init__(self, decision: Decision, task: str = "Unknown") -> None:
        """``task`` is what the classifier found, for gates that are calibrated by task type."""
        self._task = task
        self._ladder = decision.ladder
        self.gate = decision.gate
        self._degraded = list(decision.degraded)
        self._attempts: list[Attempt] = []
        self._empty: set[int] = set()  # rungs that answered with nothing
        self._served: int | None = None
        self._reason = Reason.DIRECT

    @property
    def rung(self) -> int:
        """The rung that was asked last."""
        return len(self._attempts) - 1

    @property
    def on_last_rung(self) -> bool:
        """True when there is nothing above: this rung's answer is not judged."""
        return len(self._attempts) == len(self._ladder)

    def start(self) -> Ask:
        """Ask the lowest rung."""
        return self._ask_next()

    def answered(self, completion: Completion, *, complete: bool = True) -> Ask | Serve:
        """The rung answered (``complete`` false: the held part of a stream). Serve it, or ask the next one."""
        if complete and is_empty(completion):
            self._empty.add(self.rung)
        judgement = self._judge(completion, complete=complete)
        self._amend(self.rung, judgement=judgement)
        if judgement.verdict is Verdict.ESCALATE:
            return self._ask_next()
        return self._serve(self.rung, judgement.reason)

    def failed(self, error: Exception) -> Step:
        """The rung failed or timed out. Ask the next one; from the last, go back to the best earlier answer."""
        judgement = _failure(error)
        self._note_failure(self.rung, error, judgement=judgement)
        if not self.on_last_rung:
            return self._ask_next()
        kept = self.fallback
        if kept is not None:
            return self._serve(kept, Reason.KEPT_EARLIER)
        self._reason = judgement.reason
        return Fail(error)

    def broke(self, error: Exception) -> None:
        """The rung that is served failed when some of its text had been shown: too late for another."""
        if self._served is not None:
            self._note_failure(self._served, error)
            self._reason = Reason.ERROR

    def accepted_unjudged(self) -> Serve:
        """The gate does not judge this kind of answer: serve it."""
        self._amend(self.rung, judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.NOT_JUDGED))
        return self._serve(self.rung, Reason.NOT_JUDGED)

    @property
    def fallback(self) -> int | None:
        """The best earlier answer: the highest rung that answered with something, though not well enough."""
        answered = [a for a in self._attempts if a.error is None and a.judgement is not None and a.rung not in self._empty]
        return answered[-1].rung if answered else None

    def billed(self, rung: int, usage: Usage | None, cost_usd: float | None, dropped: tuple[str, ...] = ()) -> None:
        """Note what a rung consumed, once that is known, and which parameters it was asked without."""
        self._amend(rung, usage=usage, cost_usd=cost_usd, dropped=dropped)

    def outcome(self) -> Outcome:
        """What has happened so far."""
        served = None if self._served is None else self._ladder[self._served]
        return Outcome(alias=served, reason=self._reason, attempts=tuple(self._attempts), degraded=tuple(self._degraded))

    def _ask_next(self) -> Ask:
        rung = len(self._attempts)
        self._attempts.append(Attempt(rung=rung, alias=self._ladder[rung]))
        return Ask(rung, self._ladder[rung])

    def _judge(self, completion: Completion, *, complete: bool) -> Judgement:
        if self.gate is None or self.on_last_rung:
            return Judgement(verdict=Verdict.ACCEPT, reason=Reason.LAST_RUNG)
        return judge(self.gate, completion, complete=complete, alias=self._ladder[self.rung], task=self._task)

    def _serve(self, rung: int, reason: Reason) -> Serve:
        self._served = rung
        self._amend(rung, served=True)
        # Why a rung was left is what an operator searches for, so the first reason to leave outlives the last rung's "nothing above".
        left = self._attempts[0].judgement
        self._reason = left.reason if reason is Reason.LAST_RUNG and rung and left is not None else reason
        return Serve(rung)

    def _note_failure(self, rung: int, error: Exception, **changes: object) -> None:
        self._amend(rung, error=type(error).__name__, **changes)
        self._degraded.append(f"{self._ladder[rung]}_{'late' if isinstance(error, TimeoutError) else 'failed'}")

    def _amend(self, rung: int, **changes: object) -> None:
        self._attempts[rung] = replace(self._attempts[rung], **changes)  # type: ignore[arg-type]


def _failure(error: Exception) -> Judgement:
    reason = Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.ERROR
    return Judgement(verdict=Verdict.ESCALATE, reason=reason)
