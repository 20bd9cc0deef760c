"""What ``cascade label`` is made of: ``asking`` talks to the proxy, ``judging`` words the question and reads the verdict, ``labels`` keeps
what is done, ``work`` does it.
"""
