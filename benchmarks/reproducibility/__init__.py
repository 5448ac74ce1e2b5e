"""Which numbers stay the same: `python -m benchmarks reproducibility` measures it and writes the page."""
