"""Labelled data, and its check."""
