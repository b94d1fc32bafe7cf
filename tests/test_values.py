"""Values that hurt: every named confusion strikes, whatever the seed, in every part; and hurts no right answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from redelivery.checking.drawn import straight
from redelivery.checking.handler_part import HandlerPart, with_seed
from redelivery.checking.seed import DEFAULT_SEED
from redelivery.exercises.catalogue import EXERCISES
from redelivery.exercises.record_and_check import NAME, RECORD_AND_CHECK
from redelivery.exercises.values.batch import Batch
from redelivery.exercises.values.confusion import Confusion
from redelivery.exercises.values.numbers import DISORDERS, DISTORTIONS, FLOATS, NUMBERS, amounts, versions
from redelivery.exercises.values.texts import LINES, TEXTS, compact, kept
from redelivery.exploration.straight import Right
from redelivery.grading.commands import _seed
from redelivery.simulation.program import Cell, SourceProgram
from tests.answers import Answer, answers

SEEDS = range(20)
PARTS = [part for parts in EXERCISES.values() for part in parts if isinstance(part, HandlerPart) and part.drawn]
#: What makes two messages different, where it is a text.
IDENTITY = {"order_total": "order_id", "ledger": "transfer_id", "setnx": "transfer_id", "versioned_profile": "address"}
SOLUTIONS = {a.part: a for a in answers("variants") if a.name == "solution"}


def batch_of(part: HandlerPart, seed: int = 8) -> Batch:
    assert part.drawn is not None
    return part.drawn(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_confusion_strikes_in_its_family_and_among_the_compact(seed: int) -> None:
    few = compact(Random(seed))
    assert len(set(few)) == len(few)
    for family in (*TEXTS, LINES):
        values = family.draw(Random(seed))
        assert len(set(values)) == len(values)
        for confusion in family.confusions:
            assert confusion.strikes(values), confusion.words
            assert family is LINES or confusion.strikes(few), confusion.words
    for numbers in (*NUMBERS, FLOATS):
        for confusion_ in numbers.confusions:
            assert confusion_.strikes(numbers.draw(Random(seed))), confusion_.words


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_kept_shows_every_way_of_changing_it(seed: int) -> None:
    texts, few = kept(Random(seed)), amounts(Random(seed))
    for family in (*TEXTS, LINES):
        for confusion in family.confusions:
            if confusion.key is not None:
                assert any(confusion.key(text) not in (text, text.encode()) for text in texts), confusion.words
    for distortion in DISTORTIONS:
        assert any(distortion.distort(amount) != amount for amount in few), distortion.words
    for disorder in DISORDERS:
        assert any(disorder.rank(older) >= disorder.rank(newer) for older, newer in versions(Random(seed))), (  # type: ignore[operator]
            disorder.words
        )


@pytest.mark.parametrize("seed", [8, 1, 2026])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.grade_id)
def test_every_confusion_strikes_in_every_part(part: HandlerPart, seed: int) -> None:
    """Two messages that are alike in all but the text are taken for one another; so they are in the batch."""
    messages = batch_of(part, seed).messages[: batch_of(part, seed).straight]
    if part.grade_id == "qos2_receiver":
        pytest.skip("a payload is kept, and its packet id is a small number")
    field = IDENTITY.get(part.grade_id)
    ids = tuple(identity for identity, _ in messages)
    texts = ids if field is None else tuple(body[field] for _, body in messages if field in body)
    for values in {ids, texts} if field != "address" else {texts}:
        for family in TEXTS:
            for confusion in family.confusions:
                assert strikes(confusion, values), (part.grade_id, confusion.words)


def strikes(confusion: Confusion[str], values: tuple[str, ...]) -> bool:
    distinct = tuple(dict.fromkeys(values))
    if confusion.key is None:
        return confusion.strikes(distinct) is not None
    return len({confusion.key(value) for value in distinct}) < len(distinct)


@pytest.mark.parametrize("seed", [8, 1, 77])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.grade_id)
def test_no_solution_is_hurt(part: HandlerPart, seed: int) -> None:
    answer = SOLUTIONS[part.grade_id]
    assert isinstance(straight(answer.program(), batch_of(part, seed), "wal"), Right)


#: The answer's own function, given something else than what came.
_WRAPPED = """
from redelivery import Retry
from redelivery.exercises.values.texts import TEXTS
_confusion = TEXTS[{family}].confusions[{place}]
_plain = handle

def _other(text):
    key = _confusion.key(text)
    return key if type(key) is str else repr(key)

class _Changed:
    def __init__(self, message):
        self.id, self.body = message.id, dict(message.body)
        {change}

def handle(message, store):
    return _plain(_Changed(message), store)
"""


def wrapped(answer: Answer, family: int, place: int) -> SourceProgram:
    field = IDENTITY.get(answer.part)
    change = "self.id = _other(self.id)" if field is None else f"self.body[{field!r}] = _other(self.body[{field!r}])"
    source = answer.source + _WRAPPED.format(family=family, place=place, change=change)
    return SourceProgram([answer.cells[0], Cell(answer.part, source)])


def keyed() -> list[tuple[int, int]]:
    places = ((n, m) for n, family in enumerate(TEXTS) for m, _ in enumerate(family.confusions))
    return [(n, m) for n, m in places if TEXTS[n].confusions[m].key is not None]


def goes_by_a_text(part: HandlerPart) -> bool:
    """Whether the solution tells messages apart by a text, and not by an account and its version."""
    return part.grade_id in IDENTITY or "message.id" in SOLUTIONS[part.grade_id].source


@pytest.mark.parametrize(
    "part", [p for p in PARTS if "handle" in p.names and goes_by_a_text(p)], ids=lambda p: p.grade_id
)
def test_a_solution_that_confuses_its_key_is_found_out(part: HandlerPart) -> None:
    """One of each family, in every part; the data of all confusions is tested above."""
    chosen = dict(keyed())
    for n, m in list(chosen.items())[::10]:
        program = wrapped(SOLUTIONS[part.grade_id], n, m)
        outcome: Any = straight(program, batch_of(part), "wal")
        assert outcome != Right(), TEXTS[n].confusions[m].words


def test_a_message_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="there is no message 9000: there are 1 to"):
        batch_of(PARTS[0]).scenario([8_999])


def test_a_grading_that_goes_on_keeps_its_seed(tmp_path: Path) -> None:
    assert _seed(5, tmp_path, resume=False) == 5
    assert len({_seed(None, tmp_path, resume=False) for _ in range(20)}) > 1
    (tmp_path / "results.jsonl").write_text('{"seed": 78}\n{"se', "utf-8")
    assert _seed(None, tmp_path, resume=True) == 78
    (tmp_path / "seed.txt").write_text("77\n")
    assert _seed(None, tmp_path, resume=True) == 77


@pytest.mark.parametrize(
    "part", [p for e in EXERCISES.values() for p in e if isinstance(p, HandlerPart)], ids=lambda p: p.grade_id
)
def test_another_seed_also_searches_a_message_that_nobody_knows(part: HandlerPart) -> None:
    """What is added for another seed than the notebooks' is as large as the first scenario; nothing else changes."""
    assert with_seed(part, DEFAULT_SEED).scenarios == part.scenarios
    one, other = with_seed(part, 17).scenarios, with_seed(part, 18).scenarios
    assert one[: len(part.scenarios)] == other[: len(part.scenarios)] == part.scenarios
    if part.scenarios[0].loop is None and part.drawn is not None:
        assert one[-1].bounds == part.scenarios[0].bounds
        assert list(one[-1].messages) != list(other[-1].messages)
    else:
        assert one == part.scenarios


def test_ends_that_are_known_by_heart_are_no_proof() -> None:
    """Each scenario's end is written down, and only a message that nobody knows needs the work over crashes."""
    source = (Path(__file__).parent / "attacks" / "submissions" / "known_ends_else_right_alone.py").read_text("utf-8")
    part = with_seed(RECORD_AND_CHECK, 17)
    only = replace(part, scenarios=(part.scenarios[0], part.scenarios[-1]))
    program = SourceProgram([Cell("record_and_check", source)])
    assert replace(only, scenarios=only.scenarios[:1]).check(NAME, program).passed
    report = only.check(NAME, program)
    assert report.verdict.name == "refuted"
    assert "--seed 17" in str(report)
