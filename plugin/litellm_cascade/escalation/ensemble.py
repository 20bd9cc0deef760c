"""One request to several aliases at once, as a state machine without input or output: all answer, and one of the answers is served."""

from __future__ import annotations

from litellm_cascade.escalation.checks import is_empty
from litellm_cascade.escalation.choosing import ballot, longest, most_frequent, normalised, picked
from litellm_cascade.escalation.record import Ask, Fail, Run, Serve, failure
from litellm_cascade.vocabulary import Attempt, Completion, Decision, Ensemble, Judgement, Reason, Verdict


class EnsembleRun(Run):
    """Drive with ``start``; report each member with ``answered`` or ``failed``; then ``pick``, and the judge where that asks for one."""

    def __init__(self, decision: Decision, ensemble: Ensemble) -> None:
        super().__init__(decision)
        self.ensemble = ensemble
        self._members = decision.ladder
        self._answers: dict[int, Completion] = {}
        self._errors: dict[int, Exception] = {}

    def start(self) -> tuple[Ask, ...]:
        """Ask all of these at once."""
        self._attempts = [Attempt(rung=rung, alias=alias, spare=True) for rung, alias in enumerate(self._members)]
        return tuple(Ask(rung, alias) for rung, alias in enumerate(self._members))

    def answered(self, rung: int, completion: Completion) -> None:
        """A member answered."""
        self._answers[rung] = completion

    def failed(self, rung: int, error: Exception) -> None:
        """A member failed or was late; the others decide without it."""
        self._errors[rung] = error
        self._note_failure(rung, error, judgement=failure(error))

    def pick(self) -> Ask | Serve | Fail:
        """Every member was reported: serve one, ask the judge, or fail with the last member's error."""
        candidates = self._candidates()
        if not candidates:
            error = self._errors[max(self._errors)]
            return self._fail(error, failure(error).reason)
        if self.ensemble.by == "longest":
            return self._serve(longest(candidates), Reason.LONGEST)
        if self.ensemble.by == "vote" or len({normalised(answer) for answer in candidates.values()}) == 1:  # nothing to judge
            return self._serve(most_frequent(candidates), Reason.VOTE)
        return self._ask_judge(candidates)

    def judged(self, reply: Completion) -> Serve:
        """The judge replied. What is no number of a candidate counts for nothing: the first candidate is served."""
        candidates = sorted(self._candidates())
        place = picked(reply, len(candidates))
        if place is None:
            return self._without_judge(candidates, "judge_unclear")
        return self._serve(candidates[place], Reason.JUDGE)

    def judge_failed(self, error: Exception) -> Serve:
        """The judge failed or was late: the first candidate is served."""
        self._note_failure(len(self._members), error, judgement=failure(error))
        return self._without_judge(sorted(self._candidates()), "judge_late" if isinstance(error, TimeoutError) else "judge_failed")

    def forget(self) -> None:
        """Let go of the answers."""
        self._answers = {}

    def _candidates(self) -> dict[int, Completion]:
        """The answers by rung, in the members' order; those that say nothing only where all do."""
        answers = {rung: self._answers[rung] for rung in sorted(self._answers)}
        return {rung: answer for rung, answer in answers.items() if not is_empty(answer)} or answers

    def _ask_judge(self, candidates: dict[int, Completion]) -> Ask:
        rung, alias = len(self._members), self.ensemble.judge or self._members[0]
        self._attempts.append(Attempt(rung=rung, alias=alias, spare=True))
        return Ask(rung, alias, ballot(list(candidates.values())), judges=True)

    def _without_judge(self, candidates: list[int], why: str) -> Serve:
        self._degraded.append(why)
        return self._serve(candidates[0], Reason.NOT_JUDGED)

    def _serve(self, rung: int, reason: Reason) -> Serve:
        self._served, self._reason = rung, reason
        self._amend(rung, served=True, spare=False, judgement=Judgement(verdict=Verdict.ACCEPT, reason=reason))
        return Serve(rung)
