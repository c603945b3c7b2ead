"""The mixture: decoded, checked, prepared in advance, or kept on disk."""
