"""What is read off the bytes of each format."""
