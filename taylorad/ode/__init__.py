"""Ordinary differential equations by their Taylor series."""
