"""Items of built images: read from an engine or an archive when the first one asks, judged, waived."""
