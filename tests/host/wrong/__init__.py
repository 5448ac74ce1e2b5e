"""Graphs that are wrong in one thing, and the sentence that each ends with."""
