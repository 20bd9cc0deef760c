"""Prompts whose labels are known because the project made them. See ``making``."""
