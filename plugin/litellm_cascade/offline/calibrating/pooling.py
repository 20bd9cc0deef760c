"""How far a task type's own figures are drawn towards those of all tasks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FEWEST: Final = 2.0
MOST: Final = 1_000.0


def records_worth(said: Numbers, happened: Numbers, tasks: NDArray[np.str_]) -> float:
    """How many of a task's own records the pooled figure counts for: few where tasks differ, many where they are alike.

    Empirical Bayes: the variance of an outcome within a task over the variance between tasks of what the pooled figure misses, which is
    the spread of the tasks' mean misses less what chance makes of it (method of moments, as in DerSimonian & Laird 1986).
    ``said`` [record] is the pooled probability, ``happened`` 0 or 1, ``tasks`` those that have figures of their own. Between 2 and 1,000.
    """
    within = said * (1 - said)
    rows = [tasks == task for task in np.unique(tasks)]
    if not rows:
        return MOST
    missed = np.mean([(happened[own] - said[own]).mean() ** 2 for own in rows])
    by_chance = np.mean([within[own].mean() / own.sum() for own in rows])
    between = float(missed - by_chance)
    return float(np.clip(within.mean() / between, FEWEST, MOST)) if between > 0 else MOST
