"""Many machines: the same judging on a Dask cluster (`pip install redelivery[cluster]`).

A submission goes to a worker as bytes and comes back as a result. Each task has a key made from what is judged, so that
the scheduler runs it once; where a worker is lost in the middle, it gives the task to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import sandbox, scratch
from .batch import Worker
from .judge import Entry, Limits
from .result import SubmissionResult


class NoCluster(Exception):
    """The cluster can't be used; the message says why, and what to do."""


def judge_there(
    learner: str, shown: str, attempt: str, notebook: bytes, seconds: float, sandbox: bool, seed: int
) -> dict[str, Any]:
    """One submission, judged on the machine where this runs, in a process of its own."""
    worker = Worker()
    try:
        with scratch.folder() as folder:
            path = folder / "submission.ipynb"
            path.write_bytes(notebook)
            return worker.judge(Entry(learner, path, shown, attempt), Limits(seconds, sandbox, seed=seed)).to_json()
    finally:
        worker.close()


def why_not_there() -> str | None:
    """Why bubblewrap can't be used on the machine where this runs; None if it can."""
    return sandbox.why_not()


def _needs_sandboxes(client: Any) -> None:
    """Before any work begins.

    Raises:
        NoCluster: some worker can't keep submissions away from its machine, or there is none.
    """
    reasons: dict[str, str | None] = client.run(why_not_there)
    if not reasons:
        raise NoCluster("the Dask scheduler has no workers. Start some: dask worker, on machines that have the course")
    without = {worker: why for worker, why in reasons.items() if why is not None}
    if without:
        worker, why = min(without.items())
        raise NoCluster(
            f"{len(without)} of {len(reasons)} Dask workers can't isolate submissions, such as {worker}: {why}. "
            "Mend that, or say --no-sandbox; the results are then marked as untrusted"
        )


def judge_on(address: str, entries: Sequence[Entry], limits: Limits) -> Iterator[SubmissionResult]:
    """Judge submissions on the cluster whose scheduler is at ``address``; results as they are ready.

    Raises:
        NoCluster: Dask is not installed, or there is no scheduler.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise NoCluster(
            "--scheduler needs the package distributed, which is not installed: pip install 'redelivery[cluster]'"
        ) from None
    try:
        client: Any = Client(address, timeout=20, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise NoCluster(f"there is no Dask scheduler at {address} ({error}). Start one: dask scheduler") from None
    with client:
        if limits.sandbox:
            _needs_sandboxes(client)
        futures = [
            client.submit(
                judge_there,
                entry.learner,
                entry.shown,
                entry.attempt,
                entry.path.read_bytes(),
                limits.seconds,
                limits.sandbox,
                limits.seed,
                retries=2,
                pure=True,
            )
            for entry in entries
        ]
        by_future = dict(zip(futures, entries, strict=True))
        for future in as_completed(by_future, loop=client.loop):  # type: ignore[no-untyped-call]
            try:
                yield SubmissionResult.from_json(future.result())
            except Exception as error:
                entry = by_future[future]
                why = f"{entry.shown}: the cluster did not judge it ({type(error).__name__}: {str(error)[:200]})"
                yield SubmissionResult(
                    entry.learner, "", entry.shown, (), problem=why, fault=True, attempt=entry.attempt, seed=limits.seed
                )
