"""Readers of files under a coverage-guided fuzzer: see ``python -m tests.fuzz --help``."""
