"""Blockwise search: candidates of each block, tables of their latency and accuracy, the budgeted choice."""
