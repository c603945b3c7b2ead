"""The Python children of msst-serve: probing and staging of uploads (media), and separation (worker)."""
