"""The same route as a Ray Serve application, for several accelerators or machines. Needs the extra ``ray``.

``serve run litellm_cascade.service.ray_app:build classifier=nvidia max_replicas=4 gpus=1``, or a file with ``import_path`` and ``args``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette

from litellm_cascade.classifiers import Surroundings
from litellm_cascade.classifiers.servable import load
from litellm_cascade.service.app import Limits, State, application
from litellm_cascade.service.server import WARM_UP, Bounds, batcher_of

# Without postponed annotations: Ray reads the type of ``build``'s argument to check what it is given.


class Deployed(BaseModel):
    """What an operator may write under ``args``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classifier: str = "embedded"
    options: Mapping[str, Any] = {}
    model: str = "classifier"
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=1, ge=1)
    target_ongoing_requests: int = Field(default=32, ge=1)
    """Of one replica; with more than that Ray starts another, up to ``max_replicas``."""
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    most_tokens: int = Field(default=16_384, ge=1)
    most_prompts: int | None = Field(default=None, ge=1)
    outstanding: int = Field(default=1_024, ge=1)
    most_bytes: int = Field(default=1 << 20, ge=1_024)


def build(deployed: Deployed) -> Any:
    """The application, for ``serve run`` and ``serve.run``. A replica is ready when its model has answered once."""
    from ray import serve  # noqa: PLC0415

    deployment = serve.deployment(
        serve.ingress(lambda: _route(deployed))(),
        name="classifier",
        max_ongoing_requests=deployed.outstanding,
        autoscaling_config={
            "min_replicas": deployed.min_replicas,
            "initial_replicas": max(1, deployed.min_replicas),
            "max_replicas": deployed.max_replicas,
            "target_ongoing_requests": deployed.target_ongoing_requests,
        },
        ray_actor_options={"num_cpus": deployed.cpus, "num_gpus": deployed.gpus},
    )
    return deployment.bind()


def _route(deployed: Deployed) -> Starlette:
    """Called in the replica."""
    served = load(deployed.classifier, deployed.options, Surroundings(folder=Path.cwd()))
    state = State(model=deployed.model, limits=Limits(most_bytes=deployed.most_bytes), served=served)
    bounds = Bounds(most_tokens=deployed.most_tokens, most_prompts=deployed.most_prompts, outstanding=deployed.outstanding)
    state.batcher = batcher_of(served, bounds, state.metrics)
    state.compute = state.batcher.logits
    served.engine.logits([served.encode(WARM_UP).ids])
    return application(state)
