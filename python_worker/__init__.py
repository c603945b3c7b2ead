"""The Python children of msst-serve: a probe for uploads (media) and the separation engine (worker)."""
