"""What the service measures, for Prometheus. No label comes from a client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from litellm_cascade.classifiers.batching import Computed


class Metrics:
    """A registry of its own: two services in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cascade_service_requests", "Requests for logits, by the status they were answered with", ["status"], registry=self.registry
        )
        self.prompts = Histogram(
            "cascade_service_batch_prompts",
            "Prompts that were computed together",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self.registry,
        )
        self.tokens = Histogram(
            "cascade_service_batch_tokens",
            "Tokens that were computed together, padding not counted",
            buckets=(16, 64, 256, 1_024, 4_096, 16_384, 65_536),
            registry=self.registry,
        )
        self.padding = Counter("cascade_service_padding_tokens", "Tokens that were computed only as padding", registry=self.registry)
        self.queued = Histogram(
            "cascade_service_queue_seconds",
            "How long a prompt waited before its batch began",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
            registry=self.registry,
        )
        self.computing = Histogram(
            "cascade_service_batch_seconds",
            "How long a batch took from launch to logits",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
            registry=self.registry,
        )
        self.outstanding = Gauge("cascade_service_outstanding_prompts", "Prompts that wait or are computed", registry=self.registry)

    def computed(self, batch: Computed) -> None:
        """A batch is done. Called in the engine's thread."""
        self.prompts.observe(batch.prompts)
        self.tokens.observe(batch.tokens)
        self.padding.inc(batch.prompts * batch.longest - batch.tokens)
        self.computing.observe(batch.took_s)
        for waited_s in batch.waited_s:
            self.queued.observe(waited_s)
