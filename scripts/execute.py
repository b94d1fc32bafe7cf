"""Runs notebooks from top to bottom and stores their outputs; everything else in them stays as it is.

Of a widget the picture and the text are stored, not the reference to a model that only the kernel had: with it
JupyterLab would say "model not found" until the cell is run.

python scripts/execute.py course/92-why-believe-this-checker.ipynb
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path) -> None:
    """Run the notebook in its own folder; a cell that fails is an error, and nothing is written."""
    notebook = nbformat.read(path, as_version=4)
    metadata = copy.deepcopy(notebook.metadata)
    client = NotebookClient(
        notebook, timeout=300, record_timing=False, coalesce_streams=True, resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    notebook.metadata = metadata
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if len(output.get("data", {})) > 1:
            output.data.pop(WIDGET, None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        execute(Path(name))
