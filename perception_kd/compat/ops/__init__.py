"""Portable twins, in plain PyTorch, of the compiled ops that our models reach."""
