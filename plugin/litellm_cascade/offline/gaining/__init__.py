"""Which model is right about which prompt, learnt from outcomes: ``chances`` is what proxies run, the rest is the lab's."""
