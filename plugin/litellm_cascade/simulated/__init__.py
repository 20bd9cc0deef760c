"""Simulated deployments, so that everything runs without a key. Read ``answers.py`` first; docs/simulator.md says what is assumed."""
