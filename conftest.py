"""Options and fixtures shared by this project's own tests."""

pytest_plugins = ["pytester"]
