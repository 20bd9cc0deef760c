"""How good and how fast the embedded classifiers are. See ``report``."""
