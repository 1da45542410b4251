"""Sections of the report on data: each puts what it finds under its own heading."""
