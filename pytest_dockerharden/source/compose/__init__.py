"""Compose files to a merged, canonical, positioned project, as Docker Compose 5.6.1 would load them."""

from pytest_dockerharden.source.compose.load import load
from pytest_dockerharden.source.compose.session import LoadOptions

__all__ = ["LoadOptions", "load"]
