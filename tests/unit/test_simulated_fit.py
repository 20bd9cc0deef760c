import json
import math
from pathlib import Path
from random import Random

import pytest

from litellm_cascade.offline.fit_simulator import RUNS, fit, main, read_records
from litellm_cascade.simulated.answers import answer
from litellm_cascade.simulated.confidence import alternatives, draw_logprobs, draw_temper, read_fit, shipped_fit


def recorded(folder: Path, run: str = RUNS[0]) -> Path:
    """A made-up run in the recorded form: right answers are the surer ones, and the odd token ends with an empty one."""
    rng = Random(1)
    path = folder / f"{run}.jsonl"
    rows = [row(rng, index, correct=index % 2 == 0) for index in range(60)]
    path.write_text("\n".join(json.dumps(one) for one in rows) + "\n", encoding="utf-8")
    return path


def row(rng: Random, index: int, *, correct: bool) -> dict[str, object]:
    logprobs = [-rng.uniform(0.01, 0.5) * (1 if correct else 4) for _ in range(rng.randint(1, 9) * (1 if correct else 2))]
    tops = [[["x", logprob], ["y", math.log(-math.expm1(logprob) / 2)]] for logprob in logprobs]
    tokens: list[dict[str, object]] = [{"t": "x", "lp": logprob, "top": top} for logprob, top in zip(logprobs, tops, strict=True)]
    return {"id": f"q{index}", "correct": correct, "tokens": [*tokens, {"t": "", "lp": -9.0, "top": [["", -9.0]]}]}


def test_empty_trailing_tokens_are_dropped(tmp_path: Path) -> None:
    records = read_records(recorded(tmp_path))
    assert len(records) == 60
    assert min(record.logprobs.min() for record in records) > -9.0


def test_a_fit_can_be_drawn_from(tmp_path: Path) -> None:
    written = json.dumps({"provenance": {}, **fit(read_records(recorded(tmp_path)))})
    drawn = [answer(f"q{index}", "small", fit=read_fit(written)) for index in range(50)]
    assert all(-8.0 < token.logprob < 0 for one in drawn for token in one.tokens)


def test_a_fit_finds_the_share_of_the_alternatives(tmp_path: Path) -> None:
    assert fit(read_records(recorded(tmp_path)))["alternative_shares"] == [0.5]


def test_the_shipped_fit_names_where_it_comes_from() -> None:
    assert set(shipped_fit().provenance) == {"data", "runs", "answers", "command"}
    assert shipped_fit().provenance["data"].startswith("sha256:")


@pytest.mark.parametrize("tokens", [2, 12, 60])
@pytest.mark.parametrize("correct", [True, False])
def test_tokens_have_the_mean_and_the_least_value_that_were_drawn(tokens: int, *, correct: bool) -> None:
    rng = Random(tokens)
    temper = draw_temper(rng, shipped_fit(), correct=correct)
    drawn = draw_logprobs(rng, temper, tokens)
    assert sum(drawn) / tokens == pytest.approx(temper.mean_logprob, abs=1e-5)
    assert min(drawn) == pytest.approx(max(temper.min_logprob, temper.mean_logprob * tokens))


def test_one_token_is_its_own_mean() -> None:
    temper = draw_temper(Random(3), shipped_fit(), correct=True)
    assert draw_logprobs(Random(3), temper, 1) == [temper.mean_logprob]


def test_alternatives_share_what_the_likeliest_token_leaves() -> None:
    ranked = alternatives(math.log(0.8), [0.5, 0.25], 4)
    assert [round(math.exp(logprob), 4) for logprob in ranked] == [0.8, 0.1, 0.05, 0.04]


def test_the_command_writes_the_fit_and_shows_what_it_is_worth(tmp_path: Path) -> None:
    for run in RUNS:
        recorded(tmp_path, run)
    shown: list[str] = []
    main(["--data", str(tmp_path), "--out", str(tmp_path / "fit.json"), "--answers", "30", "--resamples", "3"], shown.append)
    provenance = read_fit((tmp_path / "fit.json").read_text(encoding="utf-8")).provenance
    assert (provenance["answers"], provenance["runs"], len(provenance["data"])) == ("180", ", ".join(RUNS), len("sha256:") + 12)
    assert [line.split("|")[1].strip() for line in shown[0].splitlines()[2:]] == [
        *(f"recorded, {run}" for run in (*RUNS, "pooled")),
        *(f"simulated, {role}" for role in ("small", "sql", "large")),
    ]


def test_the_same_records_give_the_same_fit(tmp_path: Path) -> None:
    records = read_records(recorded(tmp_path))
    assert fit(records) == fit(records)
