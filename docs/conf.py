"""The site: `make docs`."""

from redelivery import __version__

project = "redelivery"
author = "The Delivered Twice authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
default_role = "code"
html_theme = "alabaster"
html_theme_options = {"description": "Consumers under every schedule", "page_width": "1100px"}
myst_heading_anchors = 3

#: The pages, in order. They don't stand in index.md, which is also what the package shows of itself elsewhere.
PAGES = """
tutorial
how-to/sqlalchemy
how-to/sqlite3
how-to/redis
how-to/real-databases
how-to/async
how-to/frameworks
how-to/other-services
how-to/many-messages
how-to/poison
how-to/command-line
explanation
reference
"""


def setup(app):
    """Add the list of pages to the first one."""

    def add(app, name, source):
        if name == "index":
            source[0] += f"\n```{{toctree}}\n:hidden:\n{PAGES}```\n"

    app.connect("source-read", add)
