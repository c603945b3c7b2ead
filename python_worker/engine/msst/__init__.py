"""MSST as it is: its functions, options, folder, names, configuration and failures."""
