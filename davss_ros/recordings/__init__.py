"""Frames with their times, out of a video, a folder or a bag."""
