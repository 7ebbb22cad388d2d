"""Recordings through the node's own step: numbers and pictures, the same every time."""
