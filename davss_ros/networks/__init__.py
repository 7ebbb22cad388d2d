"""Torch modules, one architecture a file, and the registry that names them."""
