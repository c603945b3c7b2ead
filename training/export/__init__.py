"""A trained network as files that the server and MSST take."""
