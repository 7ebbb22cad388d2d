"""What is trained: a network each, or a stage."""
