"""The JupyterLite part of the site: settings, notebooks, extensions, the start page."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from build import HERE, ROOT, Lock, digest, fetch_npm, pip, run

#: What of the repository a reader opens.
FOLDERS = ("course", "exercises")
LEFT_OUT = (".ipynb_checkpoints", "__pycache__", "backup", "instructor", "*.new.ipynb")
#: Fonts for browsers that know no WebAssembly.
NOT_NEEDED = ("build/fa-*.svg", "build/fa-*.eot", "build/fa-*.ttf", "rspack.config*.js")
#: The apps that are built: one notebook a tab, and the list of files.
APPS = ("notebooks", "tree")
SETTINGS: dict[str, Any] = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "Delivered Twice",
        "exposeAppInBrowser": True,
        # One name whatever the version or the folder of the site: a learner's work is found again.
        "contentsStorageName": "Delivered Twice",
        "litePluginSettings": {
            "@jupyterlite/pyodide-kernel-extension:kernel": {
                # Said here, too: JupyterLite's own entry is left out where it takes the site for up to date, and then
                # Pyodide would be asked for elsewhere.
                "pyodideUrl": "./static/pyodide/pyodide.mjs",
                "disablePyPIFallback": True,
                "loadPyodideOptions": {
                    "packages": ["ipywidgets", "anywidget", "packaging", "redelivery", "sqlalchemy"]
                },
            }
        },
    },
}


def lay_out_lite(own: Path, lock: Lock, store: Path, out: Path) -> None:
    """Build the site in ``out``; ``own`` is the wheel of the course."""
    lite, contents = store / "lite", store / "contents"
    shutil.rmtree(contents, ignore_errors=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, contents / folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (lite / "jupyter-lite.json").write_text(json.dumps(SETTINGS), "utf-8")
    for name in ("jupyterlab-widgets", "anywidget"):  # what they put into JupyterLab
        pip("install", "--quiet", "--no-deps", f"{name}=={lock.content['packages'][name]['version']}")
    pip("install", "--quiet", "--no-deps", "--force-reinstall", own)
    for old in (*lite.glob(".jupyterlite.doit.db*"), *store.glob(".jupyterlite.doit.db*")):
        old.unlink()
    shutil.rmtree(out, ignore_errors=True)
    apps = [word for app in APPS for word in ("--apps", app)]
    jupyter = Path(sys.executable).parent / "jupyter-lite"
    places = ("--lite-dir", lite, "--contents", contents, "--output-dir", out)
    run(jupyter, "build", *places, "--no-sourcemaps", *apps, cwd=lite)
    for pattern in NOT_NEEDED:
        for file in out.glob(pattern):
            file.unlink()
    lay_out_pages(lock, store, out)


def lay_out_pages(lock: Lock, store: Path, out: Path) -> None:
    """The start page, the page to try at once, and what they load."""
    for file in sorted((HERE / "pages").rglob("*")):
        if file.is_file():
            place = out / file.relative_to(HERE / "pages")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
    shutil.copy(fetch_npm(lock, "fflate", store) / "esm" / "browser.js", out / "start" / "fflate.js")
    (out / "start" / "site.json").write_text(json.dumps(facts(out), indent=1), "utf-8")


def facts(out: Path) -> dict[str, Any]:
    """What the start page tells and asks for: what has to be loaded, in bytes, and which notebooks there are."""
    pyodide = out / "static" / "pyodide"
    lock = json.loads((pyodide / "pyodide-lock.json").read_text("utf-8"))
    wheels = sorted(entry["file_name"] for entry in lock["packages"].values())
    first = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]
    loads = [{"path": f"static/pyodide/{name}", "bytes": (pyodide / name).stat().st_size} for name in (*first, *wheels)]
    books = {f: sorted(p.name for p in (out / "files" / f).glob("*.ipynb")) for f in FOLDERS}
    whole = hashlib.sha256("".join(digest(pyodide / name) for name in (*first, *wheels)).encode())
    return {"loads": loads, "notebooks": books, "version": whole.hexdigest()[:12]}
