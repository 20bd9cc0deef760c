"""The policies of this process, each watched on disk: a changed file is checked and swapped in whole, or refused and the old one stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litellm._logging import verbose_proxy_logger

from litellm_cascade.audit import metrics
from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import Known, Policy, load_policy

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(slots=True)
class Watched:
    """A policy file, the policy in use from it, and why the newest version of the file is not in use, if it is not."""

    path: Path
    policy: Policy
    signature: Signature
    loaded_at: float = field(default_factory=time.time)
    problems: tuple[str, ...] = ()
    refused: int = 0


class Shelf:
    """Policies by name. ``objections`` says what speaks against a policy in front of the present deployments."""

    def __init__(
        self, path_of: Callable[[str], Path], objections: Callable[[Policy], Sequence[str]], table: Callable[[], Mapping[str, Known]]
    ) -> None:
        self._path_of = path_of
        self._objections = objections
        self._table = table
        self._watched: dict[str, Watched] = {}

    def policy(self, name: str) -> Policy:
        """The policy in use. Its file is read at the first call, which raises PolicyError when it cannot be used."""
        if name not in self._watched:
            path = self._path_of(name)
            policy = load_policy(path, table=self._table())
            self._watched[name] = Watched(path, policy, _signature(path, policy.files))
            metrics.policy_in_use(name, self._watched[name].policy.short_digest, None)
        return self._watched[name].policy

    async def watch(self, every_seconds: float) -> None:
        """Look for changed files for ever, off the event loop."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Look at every file once."""
        for name, watched in list(self._watched.items()):
            signature = _signature(watched.path, watched.policy.files)
            if signature != watched.signature:
                watched.signature = signature
                self._reload(name, watched)

    def status(self) -> Iterator[dict[str, Any]]:
        """What an administrator wants to know of each policy."""
        for name, watched in sorted(self._watched.items()):
            yield {
                "policy": name,
                "digest": watched.policy.digest,
                "file": str(watched.path),
                "loaded_at": watched.loaded_at,
                "problems": list(watched.problems),
                "refused_reloads": watched.refused,
            }

    def _reload(self, name: str, watched: Watched) -> None:
        try:
            policy = load_policy(watched.path, table=self._table())
            watched.problems = tuple(self._objections(policy))
        except PolicyError as error:
            watched.problems = error.problems
        if watched.problems:
            self._refuse(name, watched)
        elif policy.digest != watched.policy.digest:
            self._swap(name, watched, policy)

    def _swap(self, name: str, watched: Watched, policy: Policy) -> None:
        before, watched.policy, watched.loaded_at = watched.policy, policy, time.time()
        metrics.policy_in_use(name, policy.short_digest, before.short_digest)
        verbose_proxy_logger.warning("cascade: policy %r is now %s, was %s", name, policy.short_digest, before.short_digest)

    def _refuse(self, name: str, watched: Watched) -> None:
        watched.refused += 1
        metrics.reload_refused(name)
        digest, problems = watched.policy.short_digest, "\n".join(watched.problems)
        verbose_proxy_logger.error("cascade: the changed policy %r is refused, %s stays in use:\n%s", name, digest, problems)


def _signature(policy: Path, files: Iterable[str]) -> Signature:
    """Changes whenever the policy or a file it names does, also when one is replaced behind a symbolic link or goes away."""
    return tuple(_state(path) for path in (policy, *(policy.parent / name for name in files)))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
