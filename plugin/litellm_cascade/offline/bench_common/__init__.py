"""What the benchmarks share: ``reading`` of data, ``resampling``, ``resuming`` after an interruption, and ``telling`` what came out."""
