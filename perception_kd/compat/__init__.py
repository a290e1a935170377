"""Tested versions, and portable twins of compiled ops."""
