#!/usr/bin/env python3
"""Is the proxy in this container alive, or the classifier service ready (HEALTH_PATH)? Exit code 0 when it is."""

import os
import sys
import urllib.request

URL = f"http://127.0.0.1:{os.environ.get('PORT', '4000')}{os.environ.get('HEALTH_PATH', '/health/liveliness')}"


def main() -> None:
    """Ask once, without a proxy from the environment in between."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(URL, timeout=4) as answer:
            answer.read()
    except OSError as error:
        sys.exit(f"{URL}: {error}")


if __name__ == "__main__":
    main()
