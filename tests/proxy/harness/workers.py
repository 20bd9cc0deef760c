"""Several workers of one proxy: which of them accepts a connection is the system's choice."""

from concurrent.futures import ThreadPoolExecutor

MANY = 8


def at_once(proxy, ask, connections):
    """What ``ask`` has of many new clients at the same time: of one after the other, the same worker may get all.

    Each has a connection of its own, open until the stack ``connections`` is left.
    """
    clients = [connections.enter_context(proxy.client()) for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(ask, clients))
