"""What `benchmarks/gpu.py` measures, a measurement a function, each run in a process of its own."""
