"""Choosing a model's settings by data that neither trained it nor reports on it."""
