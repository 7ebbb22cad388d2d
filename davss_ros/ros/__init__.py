"""The ROS 2 side: messages in, `VideoSegmenter.step`, messages out."""
