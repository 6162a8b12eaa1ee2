"""The parts of the HTML report: each makes one piece of the page out of a Report."""
