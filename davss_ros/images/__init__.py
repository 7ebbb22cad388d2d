"""Where bytes become pixels: messages, picture files, and the sizes that they declare."""
