"""How a training runs: loop, checkpoints, processes, curves."""
