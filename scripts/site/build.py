"""Makes the course's static site: JupyterLite, Pyodide, the package and the notebooks, in build/site.

Everything comes from npm and PyPI in the versions that lock.json names, with the checksums that stand there.
``--renew`` writes the lock file anew: the versions that Pyodide itself was built with, and today's checksums; look at
the change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LOCK = HERE / "lock.json"
#: What of Pyodide's npm package a page loads.
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "package.json")
#: What the checker alone needs.
COURSE_NEEDS = ("fakeredis", "redis", "sqlite-utils", "tqdm")
FROM_PYPI = (
    *("download", "--quiet", "--no-deps", "--python-version", "3.14", "--implementation", "py", "--abi", "none"),
    *("--platform", "any", "--only-binary", ":all:"),
)


class CannotBuild(Exception):
    """The site can't be made, and why."""


def run(*command: Any, cwd: Path | None = None) -> None:
    """Run a command; what it prints is shown where it fails."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise CannotBuild("\n".join([f"this failed: {' '.join(str(word) for word in command)}", *lines]))


def pip(*arguments: Any) -> None:
    """Run pip of this environment."""
    run(sys.executable, "-m", "pip", *arguments)


def digest(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plain(name: str) -> str:
    """A project's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Lock:
    """Versions and checksums of everything that is fetched."""

    def __init__(self, path: Path, renew: bool) -> None:
        self._path, self.renew = path, renew
        self.content: dict[str, Any] = json.loads(path.read_text("utf-8"))

    def check(self, entry: dict[str, Any], file: Path, what: str) -> None:
        """Compare a file with its checksum, or note it."""
        found = digest(file)
        if self.renew:
            entry["sha256"] = found
        elif entry.get("sha256") != found:
            file.unlink()
            raise CannotBuild(
                f"{what} is not the file that scripts/site/lock.json knows: expected the SHA-256 "
                f"{entry.get('sha256')}, found {found}. Nothing was built. If the version was changed on purpose: "
                "scripts/site/make --renew"
            )

    def save(self) -> None:
        """Write it, if it was renewed."""
        if self.renew:
            self._path.write_text(json.dumps(self.content, indent=1, sort_keys=True) + "\n", "utf-8")


def fetch_npm(lock: Lock, name: str, store: Path) -> Path:
    """A package of npm's, unpacked."""
    entry = lock.content["npm"][name]
    archive = store / f"{name}-{entry['version']}.tgz"
    if not archive.exists():
        run("npm", "pack", "--silent", f"{name}@{entry['version']}", cwd=store)
    lock.check(entry, archive, archive.name)
    folder = store / f"{name}-{entry['version']}"
    if not folder.exists():
        with tarfile.open(archive) as packed:
            packed.extractall(store / "unpacked", filter="data")
        (store / "unpacked" / "package").rename(folder)
    return folder


def wheel_in(store: Path, name: str, version: str) -> Path | None:
    """The wheel of a package that has been fetched before."""
    for wheel in store.glob("*.whl"):
        project, found, *_ = wheel.name.split("-")
        if (plain(project), found) == (name, version):
            return wheel
    return None


def fetch_wheel(lock: Lock, name: str, store: Path, known: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """The wheel of a package, and its entry in Pyodide's own lock file."""
    entry = lock.content["packages"][name]
    theirs = known.get(name, {})
    version = entry.get("version")
    if version is None or (lock.renew and name in known):
        version = entry["version"] = theirs["version"]
    if (wheel := wheel_in(store, name, version)) is None:
        pip(*FROM_PYPI, "--dest", store, f"{name}=={version}")
        wheel = wheel_in(store, name, version)
    if wheel is None:
        raise CannotBuild(f"there is no wheel of {name} {version} that a browser could use")
    lock.check(entry, wheel, wheel.name)
    shipped = set(lock.content["packages"])
    depends = entry.get("depends", [plain(one) for one in theirs.get("depends", ())])
    return wheel, {
        "name": name,
        "version": version,
        "imports": theirs.get("imports") or [name.replace("-", "_")],
        "depends": [one for one in depends if one in shipped],
    }


def own_wheel(store: Path) -> Path:
    """The wheel of the course's package, made from this checkout."""
    for old in store.glob("redelivery-*.whl"):
        old.unlink()
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", store, ROOT)
    return next(store.glob("redelivery-*.whl"))


def lay_out_pyodide(lock: Lock, store: Path, into: Path) -> Path:
    """Pyodide as a page loads it, with a lock file that names what is there and no more: nothing else can be asked for.
    Returns the wheel of the course."""
    package = fetch_npm(lock, "pyodide", store)
    theirs = json.loads((package / "pyodide-lock.json").read_text("utf-8"))
    into.mkdir(parents=True)
    kept: dict[str, Any] = {}

    def keep(wheel: Path, entry: dict[str, Any]) -> None:
        kept[entry["name"]] = {
            **entry,
            "file_name": wheel.name,
            "sha256": digest(wheel),
            "install_dir": "site",
            "package_type": "package",
            "unvendored_tests": False,
        }
        shutil.copy(wheel, into)

    for name in sorted(lock.content["packages"]):
        keep(*fetch_wheel(lock, name, store, theirs["packages"]))
    own = own_wheel(store)
    imports, version = ["redelivery"], own.name.split("-")[1]
    keep(own, {"name": "redelivery", "version": version, "imports": imports, "depends": list(COURSE_NEEDS)})
    theirs["packages"] = kept
    (into / "pyodide-lock.json").write_text(json.dumps(theirs), "utf-8")
    for name in RUNTIME:
        shutil.copy(package / name, into)
    return own


def main() -> int:
    """Build; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", help="write lock.json anew")
    parser.add_argument("--only-pyodide", action="store_true", help="no JupyterLite")
    given = parser.parse_args()
    store, out = ROOT / "build" / "site-store", ROOT / "build" / "site"
    store.mkdir(parents=True, exist_ok=True)
    lock = Lock(LOCK, given.renew)
    shutil.rmtree(store / "lite", ignore_errors=True)
    own = lay_out_pyodide(lock, store, store / "lite" / "static" / "pyodide")
    if not given.only_pyodide:
        from lite import lay_out_lite

        lay_out_lite(own, lock, store, out)
    lock.save()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CannotBuild, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)
