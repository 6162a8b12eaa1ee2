"""Compose files to a merged, canonical, positioned project, as Docker Compose 5.6.1 would load them."""
