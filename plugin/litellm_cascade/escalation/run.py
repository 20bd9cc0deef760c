"""One request's way up its ladder, as a state machine without input or output.

Whoever drives it (the proxy, a replay, a simulation; whole answers and streams alike) asks the rung it names and reports what came
of it: ``answered`` or ``failed``. The run says what to do next: ``Ask`` another rung, ``Consult`` the one that answered (and report
``consulted``), ``Serve`` one that answered, or ``Fail``. Where the policy hedges, an ``Ask`` also names the rung above, to be started at
once; what that one says is reported when it is asked for.
"""

from __future__ import annotations

from dataclasses import replace

from litellm_cascade.errors import AbstainedError
from litellm_cascade.escalation.allowance import Allowance, Unlimited
from litellm_cascade.escalation.calibration import calibrated
from litellm_cascade.escalation.carrying import carried
from litellm_cascade.escalation.checks import Expectation, is_empty, is_silent
from litellm_cascade.escalation.judging import NOTHING_EXPECTED, by_confidence, is_doubtful, judge
from litellm_cascade.escalation.record import Ask, Consult, Fail, Run, Serve, failure, how
from litellm_cascade.vocabulary import (
    Abstention,
    Attempt,
    Completion,
    Confidence,
    Decision,
    Gate,
    Judgement,
    Reason,
    Turn,
    Verdict,
)

Step = Ask | Serve | Fail


class CascadeRun(Run):
    """Drive with ``start``, then ``answered`` or ``failed`` for each rung that was asked; read ``outcome`` at any time."""

    def __init__(
        self,
        decision: Decision,
        expectation: Expectation = NOTHING_EXPECTED,
        allowance: Allowance | None = None,
        task: str = "Unknown",
    ) -> None:
        """``allowance`` may keep an answer that the gate would leave; None: nothing does.

        ``task`` is what the classifier found, for gates that are calibrated by task type.
        """
        super().__init__(decision)
        self._task = task
        self._allowance = allowance if allowance is not None else Unlimited()
        self._abstention = decision.gate.abstain if decision.gate is not None else None
        self._expectation = expectation
        self.rung = -1  # the one that was asked last, spares left aside
        self._ladder = decision.ladder
        self._hedges = decision.hedge
        self._carries_over = decision.carry_over
        self._empty: set[int] = set()  # rungs that answered with nothing
        self._draft: Completion | None = None  # the whole answer that is being judged, where it may be carried over
        self._consults: list[Consult] = []  # what may still be asked of the rung that answered last, the next one at the end

    @property
    def on_last_rung(self) -> bool:
        """True when there is nothing above."""
        return not self._is_below_another(self.rung)

    def judges(self, rung: int) -> bool:
        """True where there is a gate, below the last rung; on that one too where the gate says what comes of doubt."""
        return self.gate is not None and (self._is_below_another(rung) or self._abstention is not None)

    def start(self) -> Ask:
        """Ask the lowest rung."""
        return self._ask_next()

    def answered(self, completion: Completion, *, complete: bool = True) -> Consult | Step:
        """The rung answered (``complete`` false: the held part of a stream). Serve it, ask the next, ask it how sure it is, or abstain.

        A last rung that says nothing, while an earlier one has said something, is as good as one that failed.
        """
        if complete and is_empty(completion):
            self._empty.add(self.rung)
        if complete and self.on_last_rung and is_silent(completion) and self.fallback is not None:
            return self._silent()
        self._draft = completion if complete and self._carries_over else None
        self._consults = self._consults_about(completion, complete=complete)
        return self._judged(self._judge(completion, complete=complete))

    def consulted(self, score: float | None, error: Exception | None = None) -> Consult | Step:
        """The model was asked again, and is this sure (0..1). None: that cannot be told, because of the ``error`` where there is one."""
        asked = self._consults.pop()
        if score is None:
            self._degraded.append(f"{asked.alias}_{asked.kind}_{'unclear' if error is None else how(error)}")
        return self._judged(by_confidence(asked.gate, self._said(asked, score)))

    def failed(self, error: Exception) -> Step:
        """The rung failed or timed out. Ask the next one; from the last, go back to the best earlier answer, unless that is in doubt."""
        judgement = failure(error)
        self._note_failure(self.rung, error, judgement=judgement)
        if not self.on_last_rung:
            self._allowance.forced(self._ladder[self.rung + 1])
            return self._ask_next()
        return self._go_back(error, judgement.reason)

    def accepted_unjudged(self) -> Serve:
        """The gate does not judge this kind of answer: serve it."""
        self._amend(self.rung, judgement=Judgement(verdict=Verdict.ACCEPT, reason=Reason.NOT_JUDGED))
        return self._serve(self.rung, Reason.NOT_JUDGED)

    @property
    def fallback(self) -> int | None:
        """The best earlier answer: the highest rung that answered with something, though not well enough."""
        answered = [a for a in self._attempts if a.error is None and a.judgement is not None and a.rung not in self._empty]
        return answered[-1].rung if answered else None

    def forget(self) -> None:
        """Let go of what the request and its answers said."""
        self._expectation, self._draft, self._consults = NOTHING_EXPECTED, None, []

    def _is_below_another(self, rung: int) -> bool:
        return rung + 1 < len(self._ladder)

    def _ask_next(self, turns: tuple[Turn, ...] = ()) -> Ask:
        self.rung += 1
        if self.rung < len(self._attempts):  # under way already
            self._amend(self.rung, spare=False)
        else:
            self._attempts.append(Attempt(rung=self.rung, alias=self._ladder[self.rung]))
        return Ask(self.rung, self._ladder[self.rung], turns, self._ask_beside())

    def _ask_beside(self) -> Ask | None:
        if not self._hedges or self.gate is None or self.on_last_rung:
            return None
        above = self.rung + 1
        self._attempts.append(Attempt(rung=above, alias=self._ladder[above], spare=True))
        return Ask(above, self._ladder[above], spare=True)

    def _judge(self, completion: Completion, *, complete: bool) -> Judgement:
        gate = self._gate_here
        if gate is None:
            return Judgement(verdict=Verdict.ACCEPT, reason=Reason.LAST_RUNG)
        return judge(gate, completion, complete=complete, expectation=self._expectation, alias=self._ladder[self.rung], task=self._task)

    def _judged(self, judgement: Judgement) -> Consult | Step:
        if self._abstention is not None and self.on_last_rung and judgement.verdict is Verdict.ESCALATE:
            judgement = replace(judgement, verdict=Verdict.ABSTAIN)
        self._amend(self.rung, judgement=judgement)
        self._degraded.extend(entry for entry in judgement.degraded if entry not in self._degraded)
        if judgement.reason is Reason.UNKNOWN_CONFIDENCE and self._consults:
            return self._consults[-1]
        draft = carried(self._draft, judgement) if self._draft is not None else ()
        if judgement.verdict is Verdict.ESCALATE:
            return self._climb_or_keep(judgement, draft)
        if judgement.verdict is Verdict.ABSTAIN and self._abstention is not None:
            return self._abstain(self._abstention, judgement.reason, draft)
        return self._serve(self.rung, judgement.reason)

    def _said(self, asked: Consult, score: float | None) -> Confidence:
        """A kind that is the gate's own score is calibrated like any; another has a threshold of its own."""
        if asked.kind != asked.gate.score:
            return Confidence(name=asked.kind, score=score, threshold=asked.gate.consulting.accept_at)
        confidence = Confidence(name=asked.kind, score=score, threshold=asked.gate.accept_at)
        return calibrated(confidence, asked.gate, asked.completion.tokens, alias=asked.alias, task=self._task, complete=asked.complete)

    def _consults_about(self, completion: Completion, *, complete: bool) -> list[Consult]:
        gate = self._gate_here
        if gate is None or (is_empty(completion) and not completion.reasoning):
            return []  # of nothing nobody can be sure
        alias = self._ladder[self.rung]
        return [
            Consult(rung=self.rung, alias=alias, kind=kind, completion=completion, complete=complete, gate=gate)
            for kind in reversed(gate.consulting.kinds)
        ]

    @property
    def _gate_here(self) -> Gate | None:
        """The gate for the rung that was asked last; the last rung is held against the line of abstention. None: it is not judged."""
        if self.gate is None or not self.judges(self.rung):
            return None
        return replace(self.gate, accept_at=self._abstention.below) if self.on_last_rung and self._abstention is not None else self.gate

    def _climb_or_keep(self, judgement: Judgement, draft: tuple[Turn, ...]) -> Ask | Serve:
        kept, above = self.fallback, self._ladder[self.rung + 1]
        if kept is None:
            self._allowance.forced(above)
            return self._ask_next(draft)
        # Only what was left for its score is compared by it: an answer that was cut off may have any.
        refusal = self._allowance.refusal(above, judgement.confidence if judgement.reason is Reason.LOW_CONFIDENCE else None)
        if refusal is None:
            return self._ask_next(draft)
        self._degraded.append(refusal.degraded)
        return self._serve(kept, refusal.reason)

    def _abstain(self, abstention: Abstention, reason: Reason, draft: tuple[Turn, ...]) -> Step:
        """Even the last rung is not good enough."""
        larger = self._ask_largest(draft)
        if larger is not None:
            return larger
        self._abstained = reason
        if abstention.then == "error":
            return self._fail(AbstainedError(reason.value), reason)
        return self._serve(self.rung, reason)

    def _silent(self) -> Step:
        """It did answer, so nothing is held against its health."""
        self._amend(self.rung, judgement=Judgement(verdict=Verdict.ESCALATE, reason=Reason.EMPTY))
        self._degraded.append(f"{self._ladder[self.rung]}_empty")
        return self._go_back(AbstainedError(Reason.EMPTY.value), Reason.EMPTY)

    def _go_back(self, error: Exception, reason: Reason) -> Step:
        """From a last rung that is of no use to the best earlier answer; where that is in doubt, or there is none, to the largest alias."""
        kept = self.fallback
        if kept is None or self._doubt(kept) is not None:
            larger = self._ask_largest()
            if larger is not None:
                return larger
        return self._fail(error, reason) if kept is None else self._keep(kept, error, reason)

    def _ask_largest(self, draft: tuple[Turn, ...] = ()) -> Ask | None:
        """Beyond the ladder, where the gate has doubt go there; None where it does not, or it was there already."""
        large = self._abstention.large if self._abstention is not None else None
        if large is None or large in self._ladder:
            return None
        self._ladder, self._abstention = (*self._ladder, large), None
        return self._ask_next(draft)

    def _doubt(self, rung: int) -> Reason | None:
        """Why the gate abstains from an earlier answer, which did not pass it; None where it does not."""
        judgement, line = self._attempts[rung].judgement, self.gate.abstain if self.gate is not None else None
        if judgement is None or line is None or not is_doubtful(line, judgement):
            return None
        return judgement.reason

    def _keep(self, rung: int, error: Exception, reason: Reason) -> Step:
        """Serve an earlier answer that did not pass its gate, unless it is one of those that are not to be served."""
        self._abstained = self._doubt(rung)
        if self._abstained is not None and self._abstention is not None and self._abstention.then == "error":
            return self._fail(error, reason)
        return self._serve(rung, Reason.KEPT_EARLIER)

    def _serve(self, rung: int, reason: Reason) -> Serve:
        self._served = rung
        self._amend(rung, served=True)
        # Why a rung was left is what an operator searches for, so the first reason to leave outlives the last rung's "nothing above".
        left = self._attempts[0].judgement
        climbed = rung > 0 and rung == len(self._ladder) - 1 and reason is not Reason.NOT_JUDGED
        self._reason = left.reason if climbed and left is not None else reason
        return Serve(rung)
