"""Shared operators, each with its reference twin."""
