"""Training of every part of the default model."""
