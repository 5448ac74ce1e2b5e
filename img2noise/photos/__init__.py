"""Measure many photos, on one machine or on a cluster. Optional: no other room of the mathematics uses it."""
