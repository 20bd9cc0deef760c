"""Recorded traffic, decided again: read as a stream, decided with a policy, weighed."""
