"""``cascade bench mmlu`` and ``routerarena``: question sets with outcomes, recorded or asked of a proxy, routed against single models."""
