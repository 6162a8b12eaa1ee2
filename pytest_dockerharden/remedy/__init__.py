"""Edits that keep comments and layout."""
