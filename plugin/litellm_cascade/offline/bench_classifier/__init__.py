"""``cascade bench classifier``: how fast the classifier ``nvidia`` is, against what the hardware allows and against plain ways."""
