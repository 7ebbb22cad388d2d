"""What a training is to lower."""
