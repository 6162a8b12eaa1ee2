"""A small backend: an API that queues jobs, and the workers that do them."""
