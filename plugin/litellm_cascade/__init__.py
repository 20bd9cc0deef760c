"""litellm-cascade: a calibrated, streaming, auditable cascade for the LiteLLM proxy. Read ``pipeline.py`` first."""
