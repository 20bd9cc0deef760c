"""One network from several that began alike: the mean of their weights.

Wortsman et al. 2022, "Model soups", arXiv 2203.05482. It errs less than its parts on prompts of a kind that none has seen, and computing it
takes no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def average(network: Any, fits: Sequence[Callable[[], object]]) -> None:
    """Leaves the mean of what each fit makes of the network, each from where it stands now."""
    begun = {name: value.clone() for name, value in network.state_dict().items()}
    sums: dict[str, Any] = {}
    for fit in fits:
        network.load_state_dict(begun)
        fit()
        fitted = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        sums = {name: value + sums.get(name, 0) for name, value in fitted.items()}
    network.load_state_dict(begun | {name: value / len(fits) for name, value in sums.items()})
