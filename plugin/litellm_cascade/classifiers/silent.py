"""No classifier."""

from __future__ import annotations

from typing import Final

from litellm_cascade.classifiers.base import Options, Surroundings
from litellm_cascade.vocabulary import UNCLASSIFIED, Classification, Request


def make(options: Options, around: Surroundings) -> Silent:  # noqa: ARG001 -- every variant's signature
    """The classifier ``none``."""
    return Silent()


class Silent:
    """The classifier ``none``: knows nothing, costs nothing, and is not a degradation because the operator chose it."""

    name: Final = "none"
    digest: Final = ""

    async def classify(self, request: Request) -> Classification:  # noqa: ARG002 -- the protocol's signature
        """``UNCLASSIFIED``, always."""
        return UNCLASSIFIED
