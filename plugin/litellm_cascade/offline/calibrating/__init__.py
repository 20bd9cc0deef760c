"""What ``cascade calibrate`` is made of: ``records`` are read, ``curves`` fitted, ``thresholds`` chosen; ``report`` says what came out."""
