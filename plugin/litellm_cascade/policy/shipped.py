"""Where the policies are that come with this installation."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_IN_A_WHEEL = _PACKAGE / "policies_shipped"
_IN_A_CHECKOUT = _PACKAGE.parents[1] / "policies"


def shipped_folder() -> Path:
    """A folder of ``<policy>.yaml`` files."""
    return _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_A_CHECKOUT
