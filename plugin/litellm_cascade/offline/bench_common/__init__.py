"""What the benchmarks share: ``reading`` of data, ``resampling``, ``resuming`` after an interruption, ``telling``, and the ``page``."""
