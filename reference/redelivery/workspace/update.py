"""`make update`: take over a newer version of the course without losing or mixing up what the learner wrote.

A plain `git pull` refuses as soon as a notebook was changed on both sides, and merging notebooks line by line breaks
them. Here nothing is merged. Of the files that are new upstream and were changed here, too,

- an exercise stays as the learner has it, and the new version is put beside it as `NN-….new.ipynb`;
- every other file becomes the new version, and the learner's is kept in the folder `backup` beside it;
- a notebook whose cells were only run, not edited, becomes the new version.

The copies are made first. Whatever happens after that, they are in `backup`:

    copy to backup ── files as committed ── git merge --ff-only ── exercises back ── done
                              └── fails or is interrupted: copies back ──┘
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from .checkout import keep_copy
from .notebooks import was_only_run


class CannotUpdate(Exception):
    """Nothing was changed; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did. Files are named as in git."""

    changes: int
    beside: tuple[tuple[str, str], ...] = ()
    """Exercises that stayed, each with the new version beside it."""
    kept: tuple[tuple[str, str], ...] = ()
    """Other files that were changed here, each with the copy."""
    gone: tuple[str, ...] = ()
    """Exercises that the course no longer has, and that stayed."""


def update(folder: Path, now: datetime) -> Update:
    """Bring the checkout at `folder` to the newest version of the branch that it follows.

    Raises:
        CannotUpdate: it isn't possible; everything is as before.
    """
    git = _Git(folder)
    _must_be_updatable(git)
    fetched = git.run("fetch", "--quiet")
    if fetched.returncode:
        raise CannotUpdate(f"the newest version could not be fetched. Git says:\n{fetched.stderr.strip()}")
    behind, ahead = (int(git.out("rev-list", "--count", one)) for one in ("HEAD..@{u}", "@{u}..HEAD"))
    if not behind:
        return Update(0)
    if ahead:
        raise CannotUpdate(
            f"this checkout has {ahead} commit{'s' * (ahead > 1)} of its own. To keep them as a branch and what is in "
            "them as changes, which an update takes care of, run\n"
            "    git branch my-commits\n    git reset --soft $(git merge-base HEAD @{u})\n    make update"
        )
    return _bring(git, behind, now)


def _must_be_updatable(git: _Git) -> None:
    try:
        top = git.run("rev-parse", "--show-toplevel")
    except OSError:
        raise CannotUpdate("git is missing. Install it, then run the same command again") from None
    if top.returncode or Path(top.stdout.strip()).resolve() != git.folder.resolve():
        raise CannotUpdate(
            "the course's folder is no git checkout, so there is nothing to update from. Get the newer version into a "
            "folder of its own, and copy your notebooks from exercises/ there"
        )
    if git.run("rev-parse", "--quiet", "--verify", "@{u}").returncode:
        raise CannotUpdate(
            "this checkout follows no branch, so there is nothing to update from. Go to one that does: git switch main"
        )
    if git.out("diff", "--name-only", "--diff-filter=U") or git.run("rev-parse", "-q", "--verify", "MERGE_HEAD").stdout:
        raise CannotUpdate("a merge is under way here. End it with git commit, or take it back with git merge --abort")


def _bring(git: _Git, changes: int, now: datetime) -> Update:
    old, new = git.blobs("HEAD"), git.blobs("@{u}")
    changed = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    here = git.hashes([name for name in sorted(changed) if (git.folder / name).is_file()])
    mine = {name for name, blob in here.items() if blob not in (old.get(name), new.get(name))}
    mine = {name for name in mine if name not in old or not git.was_only_run(name)}
    copies: dict[str, Path] = {}
    try:
        for name in here:
            if here[name] != old.get(name):
                copies[name] = keep_copy(git.folder / name, now)
        for name in copies:
            if name in old:
                git.must("checkout", "--quiet", "HEAD", "--", name)
            else:
                (git.folder / name).unlink()
        git.must("merge", "--quiet", "--ff-only", "@{u}")
    except BaseException as error:
        for name, copy in copies.items():
            _move(copy, git.folder / name)
        if isinstance(error, OSError):
            raise CannotUpdate(f"no copies of your files could be made ({error.strerror})") from None
        raise
    return _settle(git, changes, copies, mine, new, now)


def _settle(
    git: _Git, changes: int, copies: dict[str, Path], mine: set[str], new: dict[str, str], now: datetime
) -> Update:
    beside, kept, gone = [], [], []
    for name, copy in copies.items():
        path = git.folder / name
        if name not in mine:
            copy.unlink()
        elif not _is_exercise(name):
            kept.append((name, copy.relative_to(git.folder).as_posix()))
        else:
            if name in new:
                other = path.with_name(f"{path.stem}.new{path.suffix}")
                if other.exists() and not was_only_run(other.read_bytes(), path.read_bytes()):
                    before = keep_copy(other, now)
                    kept.append((f"exercises/{other.name}", before.relative_to(git.folder).as_posix()))
                path.replace(other)
                beside.append((name, f"exercises/{other.name}"))
            else:
                gone.append(name)
            _move(copy, path)
    return Update(changes, tuple(beside), tuple(kept), tuple(gone))


def _is_exercise(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parent == PurePosixPath("exercises") and path.suffix == ".ipynb"


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    source.unlink()


class _Git:
    """Git, called in the course's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**os.environ, "LC_ALL": "C"},
        )

    def must(self, *arguments: str) -> None:
        done = self.run(*arguments)
        if done.returncode:
            raise CannotUpdate(
                f"git {arguments[0]} failed, and everything is as before. Git says:\n{done.stderr.strip()}"
            )

    def out(self, *arguments: str) -> str:
        return self.run(*arguments).stdout.strip()

    def was_only_run(self, name: str) -> bool:
        """Whether a committed notebook was run, and nothing was written into it."""
        committed = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=self.folder, capture_output=True).stdout
        try:
            return was_only_run((self.folder / name).read_bytes(), committed)
        except OSError:
            return False

    def blobs(self, commit: str) -> dict[str, str]:
        """File → what is in it, of one commit."""
        lines = self.run("ls-tree", "-r", "-z", commit).stdout.split("\0")
        parts = [line.partition("\t") for line in lines if line]
        return {name: head.split()[2] for head, _, name in parts}

    def hashes(self, names: list[str]) -> dict[str, str]:
        """File → what is in it now."""
        if not names:
            return {}
        found = self.run("hash-object", "--stdin-paths", stdin="\n".join(names) + "\n").stdout.split()
        return dict(zip(names, found, strict=True))
