"""Values that hurt: two that somebody could take for one another, and numbers that don't fit where they used to."""
