"""Networks in and out: looking at one of somebody else's, tuning to a video, exporting ours."""
