"""The engine in torch: on the CPU one prompt after the other, on a GPU batches through recorded CUDA graphs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.batching import Ids, Logits
from litellm_cascade.classifiers.nvidia.buckets import Bucket, bucket_of, recorded, unrecorded
from litellm_cascade.classifiers.nvidia.network import Network, Tensor, logits

_log = logging.getLogger(__name__)
_WARM_RUNS: Final = 2
"""Before a recording, so that libraries have chosen their kernels and taken their workspace."""


class CpuEngine:
    """Computes where it is called."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.precision = network.precision

    def logits(self, prompts: Sequence[Ids]) -> Logits:
        """[len(prompts), 32]."""
        import torch  # noqa: PLC0415 - of the extra

        longest, shortest = max(map(len, prompts)), min(map(len, prompts))
        ids, lengths = padded(prompts, Bucket(len(prompts), longest))
        with torch.inference_mode():
            return _array(logits(self._network, ids, lengths if shortest < longest else None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A graph with the memory it reads from and writes to."""

    ids: Tensor  # int64 [B, L]
    lengths: Tensor  # int64 [B]
    logits: Tensor  # float32 [B, 32]
    replay: Callable[[], None]


class CudaEngine:
    """Computes on the GPU that the network is on, on a stream of its own. ``record`` makes a graph of a bucket; where it cannot, nothing
    is recorded, which is slower and no less right.

    Several graphs share their memory, which is right because one stream replays them one after the other, and the logits of each are
    copied away by the same stream before the next begins.
    """

    def __init__(self, network: Network, record: Callable[[Network, Bucket, Any], Recorded] | None = None) -> None:
        self._network = network
        self.precision = network.precision
        self._record = record or record_graph
        self._graphs: Mapping[Bucket, Recorded] = {}
        self._cuda = network.device.type == "cuda"  # else a test of what surrounds it
        self._stream = _new_stream(network)
        self._in_turn = threading.Lock()  # graphs have one memory

    def warm_up(self) -> None:
        """Record every graph. Some seconds."""
        graphs = {}
        try:
            with self._in_turn, self._on_stream():
                for bucket in recorded(self._network.dimensions.most_tokens):
                    graphs[bucket] = self._record(self._network, bucket, self._stream)
        except RuntimeError as error:  # of the driver's, or out of memory
            _log.warning("classifier 'nvidia': no CUDA graphs (%s): short batches will take longer", type(error).__name__)
            return
        self._graphs = graphs

    def logits(self, prompts: Sequence[Ids]) -> Logits:
        """[len(prompts), 32]; waits for them."""
        return self.launch(prompts)()

    def launch(self, prompts: Sequence[Ids]) -> Callable[[], Logits]:
        """Queue a batch on the device."""
        import torch  # noqa: PLC0415 - of the extra

        with self._in_turn, self._on_stream():
            found = self._queued(prompts)
            host = torch.empty((len(prompts), found.shape[1]), dtype=found.dtype, pin_memory=self._cuda)
            host.copy_(found[: len(prompts)], non_blocking=True)
            done = torch.cuda.Event(blocking=True) if self._cuda else None  # the thread sleeps rather than spins
            if done is not None:
                done.record(self._stream)

        def wait() -> Logits:
            if done is not None:
                done.synchronize()
            return _array(host)

        return wait

    def _queued(self, prompts: Sequence[Ids]) -> Tensor:
        longest = max(map(len, prompts))
        graph = self._graphs.get(bucket_of(len(prompts), longest) or Bucket(0, 0))
        if graph is None:
            bucket = unrecorded(len(prompts), longest, self._network.dimensions.most_tokens)
            ids, lengths = (part.to(self._network.device, non_blocking=True) for part in padded(prompts, bucket, pinned=self._cuda))
            return logits(self._network, ids, lengths)
        ids, lengths = padded(prompts, Bucket(*graph.ids.shape), pinned=self._cuda)
        graph.ids.copy_(ids, non_blocking=True)
        graph.lengths.copy_(lengths, non_blocking=True)
        graph.replay()
        return graph.logits

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        import torch  # noqa: PLC0415 - of the extra

        with torch.inference_mode(), torch.cuda.stream(self._stream) if self._cuda else nullcontext():
            yield


def record_graph(network: Network, bucket: Bucket, stream: Any) -> Recorded:
    """A CUDA graph of one bucket. ``stream`` is the current one, inference mode on. Raises ``RuntimeError`` where the driver will not."""
    import torch  # noqa: PLC0415 - of the extra

    ids = torch.zeros((bucket.prompts, bucket.length), dtype=torch.int64, device=network.device)
    lengths = torch.full((bucket.prompts,), bucket.length, device=network.device)
    for _ in range(_WARM_RUNS):
        logits(network, ids, lengths)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    # Not `with torch.cuda.graph`, which collects garbage first: for every graph, in a process with all of a proxy in its memory.
    graph.capture_begin(pool=_memory(network.device), capture_error_mode="thread_local")
    try:
        found = logits(network, ids, lengths)
    finally:
        graph.capture_end()
    return Recorded(ids=ids, lengths=lengths, logits=found, replay=graph.replay)


@cache
def _memory(device: Any) -> Any:  # noqa: ARG001 - one for each
    import torch  # noqa: PLC0415 - of the extra

    return torch.cuda.graph_pool_handle()


def padded(prompts: Sequence[Ids], bucket: Bucket, *, pinned: bool = False) -> tuple[Tensor, Tensor]:
    """int64 ids [B, L] and lengths [B] of a bucket, on the host. Rows without a prompt have one token, so that nothing divides by zero."""
    import torch  # noqa: PLC0415 - of the extra

    ids = torch.zeros((bucket.prompts, bucket.length), dtype=torch.int64, pin_memory=pinned)
    lengths = torch.ones((bucket.prompts,), dtype=torch.int64, pin_memory=pinned)
    rows, counts = ids.numpy(), lengths.numpy()
    for row, prompt in enumerate(prompts):
        rows[row, : len(prompt)] = prompt
        counts[row] = len(prompt)
    return ids, lengths


def _array(found: Tensor) -> Logits:
    """A copy that holds on to nothing of torch's."""
    return np.array(found.numpy(), np.float32)


def _new_stream(network: Network) -> Any:
    import torch  # noqa: PLC0415 - of the extra

    if network.device.type != "cuda":
        return None
    stream = torch.cuda.Stream(network.device)
    stream.wait_stream(torch.cuda.current_stream(network.device))  # which may still be writing the weights
    return stream
