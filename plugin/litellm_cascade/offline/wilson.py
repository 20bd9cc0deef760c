"""How far a share is known that few answers tell: also where all of them were right, or none, and a bootstrap can draw nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

Z = 1.96


def widened(share: Any, low: Any, high: Any, n: int) -> tuple[Any, Any]:
    """The bounds ``low`` and ``high`` of a share among ``n`` answers, or of an array of them, at least as far apart as Wilson's (1927).

    z is 1.96: 95 %. (share + z^2/2n -+ z sqrt(share (1 - share) / n + z^2/4n^2)) / (1 + z^2/n)
    """
    middle = share + Z**2 / (2 * n)
    around = Z * np.sqrt(np.clip(share * (1 - share), 0, None) / n + Z**2 / (4 * n**2))
    least, most = ((middle + sign * around) / (1 + Z**2 / n) for sign in (-1, 1))
    return np.clip(np.minimum(low, least), 0, 1), np.clip(np.maximum(high, most), 0, 1)
