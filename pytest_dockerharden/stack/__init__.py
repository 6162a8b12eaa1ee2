"""A project to running containers through the Engine API, as ``docker compose up`` would make them."""
