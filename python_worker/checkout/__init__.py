"""What an MSST checkout builds and needs, read off its source without importing it."""
