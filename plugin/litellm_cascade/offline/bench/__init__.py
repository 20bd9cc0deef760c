"""What ``bench_overhead`` is made of: the setups, their model server, the load, the readings and the report."""
