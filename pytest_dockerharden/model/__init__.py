"""Pure data: what was read, predicted, observed and judged. Nothing here reads a file or talks to an engine."""
