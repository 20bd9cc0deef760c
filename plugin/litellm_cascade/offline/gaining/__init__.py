"""Which model is right about which prompt, learnt from outcomes: ``chances`` fits what ships, ``ensemble`` what the lab compares it with."""
