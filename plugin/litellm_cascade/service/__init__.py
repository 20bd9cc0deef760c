"""The shared classifier service: many proxies, one accelerator. ``app`` is its route, ``server`` and ``ray_app`` are what runs it."""
