"""A hunt for answers that the checker judges wrongly, by a hunter that doesn't know the checker.

Wrong answers written by people who know the checker find what they thought of. The hunt derives answers instead: named
operators (`tests/hunt/operators/`) rewrite the syntax trees of all solutions and variants. Whether a derived answer is
right is decided by real life (`tests/hunt/life/`), which doesn't import the checker:

    derive.py ──▶ an answer ──▶ life/       real processes, a real SQLite file or Redis server,   ──▶ broken, or not
                           │                random order, kill -9, lost acknowledgements, hurtful data
                           └──▶ checker.py  proved, refuted, …                                    ──▶ report.py

*Life.* A session forks consumers from a warm parent, halts each before each statement or command (SQLite's own trace
callback, the writing to Redis's socket), and lets them go on in random order. It kills them with SIGKILL, delivers
again while they are at work, loses acknowledgements and answers, lets long times pass, lies in the hints on deliveries,
calls readers and jobs in between. Broker, payment service, link and contract are written down from the exercises'
texts a second time (`life/plays.py`), data is drawn from its own list of confusions (`life/values.py`). Half a dozen
sessions break most wrong answers; all solutions and variants must stay unbroken, which is the control.

*What it shows.* Proved by the checker and broken in life: a defect of the checker, always; the log of the session shows
why. Refuted and never broken: first the counterexample's own data are tried, then it is carried out step by step where
`tests/real_processes.py` can, then there are more sessions; what is still unbroken is listed as *unconfirmed* and has
to be looked at, since it may be a refutation of a right answer.

*What it doesn't show.* Not broken isn't right: chance may miss a schedule that takes several rare things at once.
Sessions have up to three consumers and more faults than the checker's bounds, so an answer may be broken beyond what
the checker claims; whoever looks has to decide. ``datetime.now()`` and SQL's own clock can't be moved, clocks of the
module `time` can. Redis loses nothing, and connections to it don't break. Where a session doesn't end, "stuck" means
12,000 steps, of which the first 2,000 had faults.

    make hunt HUNT_ARGS="--minutes 30 --seed 7 --part setnx"

keeps everything in ``build/hunt`` and goes on there the next time: no answer is tried twice, what became of it in life
is kept for ever, verdicts are kept for the checker that gave them. `tests/test_hunt_sample.py` asks the checker about
200 fixed answers, whose fate in life is stored with them (``make hunt HUNT_ARGS=--sample`` chooses others).
"""
