"""Films in pages of their own: one script, the stage's, and data that it shows as text.

What a learner wrote stands in an attribute, never in the script; so a page can name the script's hash and forbid all
others.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

from .plain import plain

#: The renderer of all films; JupyterLab loads the same file.
SCRIPT = Path(__file__).parent / "lab" / "static" / "film.js"
_START = """
for (const host of document.querySelectorAll("[data-film]")) {
  deliveredTwice.show(host, JSON.parse(host.dataset.film), host.firstElementChild);
}
"""


#: Bytes of a film that is kept in a notebook or a page; a longer run has its picture and its text.
MOST_FILM = 200_000


@functools.cache
def script() -> str:
    """The script of a page that has films."""
    return SCRIPT.read_text("utf-8") + _START


@functools.cache
def script_hash() -> str:
    """As a content security policy names the script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()}"


def film_text(film: dict[str, Any] | None) -> str:
    """A film as one text; empty where there is none, or too much of it. Half a character as an escape is JSON, too."""
    if film is None:
        return ""
    text = plain(json.dumps(film, ensure_ascii=False, separators=(",", ":")))
    return text if len(text.encode()) <= MOST_FILM else ""


def staged(html: str, film: dict[str, Any] | None) -> str:
    """``html`` with a button that opens the stage, where the script is in the page; without it, it is all there is."""
    text = film_text(film)
    return f'<div data-film="{escape(text)}"><div>{html}</div></div><script>{script()}</script>' if text else html
