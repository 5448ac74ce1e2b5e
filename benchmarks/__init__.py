"""Side-by-side speed, each figure a ratio to a named opponent timed in the same run."""
