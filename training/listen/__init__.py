"""A page on which one hears what a model does."""
