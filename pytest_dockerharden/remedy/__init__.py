"""Remedies as edits of the text: minimal, checked against the merged model, and never written where they do more.

``--harden-diff`` shows them and ``--harden-fix`` writes them. An edit is a span of a file and what replaces it, so
that comments, order, quotes, anchors and line ends stay as they are. After every step the whole project is loaded again
from the edited text: an edit that changes anything but the keys it was made for is taken back, with the reason.
"""
