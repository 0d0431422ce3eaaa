"""Measurements: each is a program, prints a Markdown table, and says on what machine."""
