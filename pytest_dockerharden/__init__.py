"""Proof that a container stack is hardened: static, live, and the drift between the two.

Nothing is imported here: pytest imports this package at every start of every project that has it installed.
"""
