"""``cascade bench``. To add a benchmark: its file here and its line in ``BENCHMARKS``."""

from __future__ import annotations

from litellm_cascade.offline.lazy_group import lazy_group

BENCHMARKS = {
    "cascade": "Deferral curves on recorded answers: raw scores, calibrations, and dull baselines.",
    "routing": "Which prompts the larger model should get: gain models, our strategies, and dull baselines.",
    "routerarena": "RouterArena's score of accuracy and cost, on its recorded answers.",
    "mmlu": "Accuracy, latency and who answers on a question set, routed and with single models.",
    "routed-vs-large": "Policies against always asking the large model, on simulated deployments.",
    "scenarios": "Ten scenarios with limits on cost, latency and quality: what each strategy makes of them, simulated.",
    "overhead": "What the cascade costs the proxy per request, beside plain LiteLLM.",
    "classifier": "How fast the classifier nvidia is here, against the hardware's limit and plain transformers.",
    "service": "Requests a second of the classifier service on a device stand-in.",
    "embedded": "How good and how fast the embedded classifiers are, beside dull baselines.",
}

bench = lazy_group("litellm_cascade.offline.commands.bench", BENCHMARKS)


@bench.callback()
def _bench() -> None:
    """Measure routing and cascades: recorded, simulated, or in a real proxy.

    For example:
      cascade bench cascade --data ../shared/data
      cascade bench routed-vs-large --html routed.html
      cascade bench service
    """
