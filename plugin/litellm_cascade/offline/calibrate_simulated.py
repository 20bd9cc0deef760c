"""Calibrates the simulated small model: ``policies/calibrations/small.json``, which the policy ``balanced`` names.

    python -m litellm_cascade.offline.calibrate_simulated --out policies/calibrations/small.json

Prompts are built from our own wordings (``constructed_prompts.yaml``), their task types are those that the embedded classifier finds, as
in the proxy, and the simulated deployments answer them with a seed that the proxy does not use. Nothing is read but this package. Needs
the extra ``lab``. ``--traces`` keeps the answers, in the form that ``cascade calibrate`` reads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from litellm_cascade.classifiers.linear import Linear
from litellm_cascade.offline.calibrating.curves import Method
from litellm_cascade.offline.calibrating.fitting import Fit, Origin, Wish, content_of, fit
from litellm_cascade.offline.calibrating.records import digest_of, read_records
from litellm_cascade.offline.calibrating.report import file_text, print_report, raw_ece_of
from litellm_cascade.offline.constructed_prompts import construct
from litellm_cascade.policy.calibration_file import CalibrationFile
from litellm_cascade.simulated.answers import answer
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

EACH: Final = 400
"""Prompts of each task type; some are built twice and count once."""
SEED: Final = 11
"""Of the simulated answers; the proxy's deployments answer with 0 unless they are told otherwise."""
PREFIX_TOKENS: Final = 24
"""What the gate of ``balanced`` judges streams on."""
QUALITY: Final = 0.95
"""The share of right answers that the threshold is chosen for: as many as the simulated large model has alone."""
SCORE: Final = "mean"
"""`min` and `sum` tell right from wrong better here (AUROC 0.86 against 0.84), but a mean reads alike for answers of any length: whoever
puts a real model behind the alias before fitting its own calibration is not surprised."""
OF: Final = "reasoning_and_answer"
USD_PER_TOKEN: Final = {"small": 1e-6, "large": 9e-5}
"""As in litellm_config.yaml."""
_ENVELOPE: Final = Envelope(request_id="", endpoint=Endpoint.CHAT, requested_model="auto", policy="")
_COMMAND: Final = "python -m litellm_cascade.offline.calibrate_simulated --out policies/calibrations/small.json"
_CARD: Final = (
    "Of the SIMULATED small model: its answers to prompts built from this project's own wordings, with task types as the embedded "
    "classifier finds them. It says nothing of a real model behind the alias small: fit one to its answers with `cascade calibrate` "
    "before you trust a probability. The simulator's confidence is fitted to records of three small models (docs/simulator.md)."
)


def recorded(each: int = EACH, seed: int = SEED) -> list[dict[str, Any]]:
    """Answers of the simulated small model in the form of ``cascade calibrate``, each prompt once."""
    prompts = list(dict.fromkeys(constructed.prompt for constructed in construct(Random(seed), (), each=each)))
    tasks = asyncio.run(_tasks(prompts))
    return [_record(prompt, task, seed) for prompt, task in zip(prompts, tasks, strict=True)]


async def _tasks(prompts: Sequence[str]) -> list[str]:
    classifier = Linear()
    requests = (Request(envelope=_ENVELOPE, turns=(Turn(role="user", text=prompt),)) for prompt in prompts)
    return [(await classifier.classify(request)).task for request in requests]


def _record(prompt: str, task: str, seed: int) -> dict[str, Any]:
    small, large = (answer(prompt, role, seed) for role in ("small", "large"))
    tokens = [{"token": token.text, "logprob": token.logprob, "top": [logprob for _, logprob in token.top]} for token in small.tokens]
    spent = {
        f"cost_{role}": (said.usage.input_tokens + said.usage.output_tokens) * USD_PER_TOKEN[role]
        for role, said in (("small", small), ("large", large))
    }
    return {"alias": "small", "task": task, "tokens": tokens, "correct": small.correct, "correct_large": large.correct, **spent}


def calibrated(traces: Path) -> tuple[Fit, CalibrationFile]:
    """The calibration of recorded answers, for the quality above."""
    records = read_records(traces, "small", of=OF, prefix_tokens=PREFIX_TOKENS)
    fitted = fit(records, Method(score=SCORE), Wish(quality=QUALITY))
    origin = Origin(of=OF, data=digest_of(traces), command=_COMMAND, prefix_tokens=PREFIX_TOKENS, card=_CARD, model="simulated/small")
    return fitted, content_of(fitted, origin, None)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--traces", type=Path, help="keep the answers in this file")
    given = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        traces = given.traces or Path(folder) / "answers.jsonl"
        traces.write_text("".join(json.dumps(row) + "\n" for row in recorded()), encoding="utf-8")
        fitted, file = calibrated(traces)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(file_text(file), encoding="utf-8")
    print_report(fitted, file, raw_ece_of(fitted))


if __name__ == "__main__":
    main()
