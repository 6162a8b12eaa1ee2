"""Options and fixtures shared by this project's own tests."""

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# In CI the same examples every time: a new counterexample is found, and gets a test, where somebody can look at it.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")
