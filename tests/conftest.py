"""For every test: nothing reaches for the network, and what passes once passes again."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # before LiteLLM is imported, or it asks the network for prices
# Tests run side by side, and OpenMP's threads turn while they wait for a busy core: what has several takes forty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine breaks no law. `gate` tries the same few examples at each run; `search` (`make search`) tries new ones, and more of them.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("gate", _CALM, derandomize=True, max_examples=50)
settings.register_profile("search", _CALM, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
