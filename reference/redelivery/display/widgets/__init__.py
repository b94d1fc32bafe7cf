"""Widgets that need a kernel. Loaded only where a notebook asks for one."""
