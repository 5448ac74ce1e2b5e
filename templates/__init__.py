"""The templates: each wish drawn as a graph for each model, and its thumbnail from a first Run."""
