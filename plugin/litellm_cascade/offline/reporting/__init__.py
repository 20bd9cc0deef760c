"""What ``cascade report`` is made of: ``figures`` are gathered from the decision record, ``changes`` held against the last report,
``telling`` writes them down.
"""
