"""The service's commands of ``cascade``, registered in ``offline/cli.py``, which imports them when they are asked for."""
