"""``cascade bench routed-vs-large`` and ``scenarios``: our pipeline on simulated deployments, beside what needs no router."""
