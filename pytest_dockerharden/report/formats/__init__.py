"""One module for each format of ``--harden-report``."""
