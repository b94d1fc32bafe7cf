"""A check whole: all scenarios of a part searched, its drawn values run, and the report of what was found."""
