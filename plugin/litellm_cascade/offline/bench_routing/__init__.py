"""``cascade bench routing``: ``pairs`` are read, ``methods`` order prompts, ``rows`` measure the orders, ``report`` shows them."""
