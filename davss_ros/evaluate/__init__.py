"""Accuracy and cost, in numbers."""
