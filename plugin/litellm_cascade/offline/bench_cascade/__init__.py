"""``cascade bench cascade``: ``sets`` are read, ``methods`` say how sure to be, ``rows`` measure them, ``report`` shows it."""
