"""What a training sees: views of stills, and videos with their truth."""
