"""Made-up recorded answers of pairs of models, in the form of the real ones."""

from pathlib import Path
from random import Random

import polars as pl

HARD, EASY = "prove derive integral theorem", "name colour capital animal"


def write_pairs(folder: Path, pairs=("first", "second"), n=240, tests=0, seed=1, dollars=True, source="made_up", **changes):
    """Prompts with hard words, where only the larger model is right, and with easy ones. What the length says is noise.

    ``changes`` replaces columns of the pairs' table by polars expressions.
    """
    random, prompts, rows, scores = Random(seed), [], [], []
    for pair in pairs:
        for number in range(n):
            pid, is_hard = f"{pair}{seed}-{number}", random.random() < 0.5
            words = [random.choice((HARD if is_hard else EASY).split()) for _ in range(3)]
            text = " ".join([*words, *(f"filler{random.randrange(20)}" for _ in range(random.randrange(2, 30)))])
            weak = int(random.random() < (0.15 if is_hard else 0.9))
            strong = int(random.random() < 0.92)
            part = "test" if number < tests else "dev"
            prompts.append({"pid": pid, "split": part, "group": pid, "source": source, "benchmark": pair, "prompt": text, "question": None})
            row = {"pair": pair, "pid": pid, "split": part, "benchmark": pair, "weak_model": "tiny", "strong_model": "huge"}
            costs = {"cost_usd_weak": 0.0001, "cost_usd_strong": 0.002} if dollars else {}
            rows.append(row | {"score_weak": weak, "score_strong": strong} | costs)
            for model, score in (("tiny", weak), ("huge", strong)):
                scores.append({"pid": pid, "model": model, "score": float(score), "latency_ms": 100.0 if model == "tiny" else 900.0})
    folder.mkdir(parents=True, exist_ok=True)
    text_columns = {"question": pl.String}
    pl.DataFrame(prompts, schema_overrides=text_columns).write_parquet(folder / "routing_prompts.parquet")
    pl.DataFrame(rows).with_columns(**changes).write_parquet(folder / "routing_pairs.parquet")
    pl.DataFrame(scores).write_parquet(folder / "routing_scores.parquet")
    return folder
