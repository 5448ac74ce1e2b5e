"""Many photos, measured on one machine or on a cluster. Optional: no room of the mathematics needs it."""
