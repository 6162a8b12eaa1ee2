"""Images as archives: what is in them, read once from front to back. Nothing is unpacked, nothing is executed.

An archive is untrusted: sizes, names, links and compression are bounded, and what goes beyond is an error or unknown.
"""
