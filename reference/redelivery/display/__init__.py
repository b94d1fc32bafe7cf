"""Showing what happened: text, SVG, HTML."""
