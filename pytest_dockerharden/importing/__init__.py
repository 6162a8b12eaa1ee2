"""What other scanners found, as results of ours: read from their reports, judged by our severities and waivers."""
