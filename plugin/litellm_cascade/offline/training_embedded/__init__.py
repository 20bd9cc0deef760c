"""Fine-tuning of the embedded classifier. See ``training``."""
