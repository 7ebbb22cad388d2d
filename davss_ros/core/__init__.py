"""The method; knows nothing of ROS."""
