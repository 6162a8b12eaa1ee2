"""Text to positioned syntax. Nothing here judges."""
