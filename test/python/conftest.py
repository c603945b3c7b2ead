"""Property tests drive real processes on machines that may be busy: only the outcome counts, not the time."""

from hypothesis import settings

settings.register_profile("project", deadline=None, database=None)
settings.load_profile("project")
