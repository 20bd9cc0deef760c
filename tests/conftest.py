"""For every test: nothing reaches for the network."""

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # before LiteLLM is imported, or it asks the network for prices
