"""A running container to a posture, from the kernel's own account of it."""
