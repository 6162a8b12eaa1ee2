"""Live mode: stacks brought up on demand, observed, judged, drilled, and taken down whatever happens."""
