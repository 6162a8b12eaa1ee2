"""Reports, one module per format. A format is a function from entries to text, found by its name."""
