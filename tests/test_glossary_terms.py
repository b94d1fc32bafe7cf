"""What course/93 says of the course's words, and course/90 of the prices on its page to print."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest

from tests.test_browser import BROWSER, FLAGS

COURSE = Path(__file__).parents[1] / "course"
GUIDE = COURSE / "90-which-technique.ipynb"
GLOSSARY = COURSE / "93-glossary.ipynb"
LESSONS = sorted(COURSE.glob("0*.ipynb"))
PAGES = [path for path in sorted(COURSE.glob("*.ipynb")) if path != GLOSSARY]
HAN = re.compile(r"[\u4e00-\u9fff]")


#: The lecture's own words, those of its readers, and those of the documentation that they read.
LECTURE = [
    word
    for line in (
        "坏消息 消费组 主题 消费状态 全局唯一 唯一索引 分库分表 回查",
        "积压 位点 批量 流计算 解耦 侵入 行锁 悲观锁",
        "乐观锁 失效时间 拜占庭将军问题 CAP 顺序消费 串行消费 业务主键 重复提交",
        "宕机 脏读 不可重复读 幻读 本地消息表 幂等 死信队列 前置条件",
        "版本号 唯一约束 流水表 生产者 消费者 分布式事务 分布式锁 至少一次",
        "至多一次 恰好一次 确认 重试 重复消息 SETNX ABA Token",
        "GUID 反查 消费位置 半消息 重复消费 毒丸消息 重试队列 消费进度",
        "去重表 防重 状态机 幂等号 分布式 落盘 冲正 热点账户",
        "间隙锁 当前读 快照读 锁等待超时 更新丢失 最终一致性 防护令牌 不可见时间",
    )
    for word in line.split()
]


def cell_of(path: Path, cell_id: str) -> nbformat.NotebookNode:
    return next(cell for cell in nbformat.read(path, as_version=4).cells if cell.id == cell_id)


def guide(cell_id: str) -> nbformat.NotebookNode:
    return cell_of(GUIDE, cell_id)


def table_rows(markdown: str) -> list[list[str]]:
    """The cells of all tables in it, without head and rule."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    rules = {number for number, line in enumerate(lines) if re.fullmatch(r"[|\- ]+", line)}
    heads = {number - 1 for number in rules}
    kept = [line for number, line in enumerate(lines) if number not in rules | heads]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


ROWS = table_rows(cell_of(GLOSSARY, "glossary").source)
TERMS = [(term, row[3]) for row in ROWS for term in row[0].split(", ")]


@cache
def words_of(lesson: Path) -> str:
    cells = nbformat.read(lesson, as_version=4).cells
    text = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return " ".join(re.sub(r"[*`]", "", text).lower().split())


def test_the_glossary_is_long_enough_and_complete_in_each_row() -> None:
    assert len(ROWS) >= 120
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []
    assert [row[0] for row in ROWS if not HAN.search(row[1])] == []
    assert [row[0] for row in ROWS if not row[2].endswith(".")] == []


def test_no_term_stands_twice_and_they_are_in_order() -> None:
    terms = [term.lower() for term, _ in TERMS]
    assert [term for term in terms if terms.count(term) > 1] == []
    firsts = [row[0].lower() for row in ROWS]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(("term", "link"), TERMS)
def test_the_lesson_that_a_term_names_is_there_and_has_the_term(term: str, link: str) -> None:
    found = re.fullmatch(r"\[(\d\d[a-z]?)\]\(([^)]+)\)", link)
    assert found, f"expected a link such as [05](05-….ipynb), found {link}"
    number, target = found.groups()
    assert target.startswith(f"{number}-") and COURSE / target in PAGES
    assert re.search(rf"\b{re.escape(term.lower())}", words_of(COURSE / target))


@pytest.mark.parametrize("word", LECTURE)
def test_a_word_of_the_lecture_is_there(word: str) -> None:
    assert [row[0] for row in ROWS if word.lower() in row[1].lower()] != []


def recap_terms(lesson: Path) -> list[str]:
    heads = [row[0] for row in table_rows(cell_of(lesson, "recap").source)]
    return [re.sub(r"^(\d)$", r"QoS \1", term) for head in heads for term in re.split(r"[,;] ", head)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_every_term_of_a_recap_is_there(lesson: Path) -> None:
    terms = {term.lower() for term, _ in TERMS}
    assert recap_terms(lesson)
    assert [term for term in recap_terms(lesson) if term.lower() not in terms] == []


def test_from_the_chinese_side_each_pair_is_a_row_of_the_table() -> None:
    pairs = [pair for row in table_rows(cell_of(GLOSSARY, "chinese").source) for pair in row[1].split(" · ")]
    assert len(pairs) >= 60
    chinese = {term: row[1] for row in ROWS for term in row[0].split(", ")}
    for pair in pairs:
        found = [term for term in chinese if pair.endswith(f" {term}")]
        assert found, pair
        word = pair.removesuffix(f" {max(found, key=len)}")
        assert word.split("（")[0] in chinese[max(found, key=len)], pair


@pytest.mark.parametrize("lesson", [*LESSONS, GUIDE], ids=lambda path: path.name)
def test_the_glossary_can_be_reached_from_each_lesson(lesson: Path) -> None:
    first = next(cell.source for cell in nbformat.read(lesson, as_version=4).cells)
    where = cell_of(lesson, "how-to-learn").source if lesson.name.startswith("00") else first
    assert "](93-glossary.ipynb)" in where


def test_one_term_for_a_message_that_fails_each_time() -> None:
    texts = [
        *PAGES,
        *(COURSE.parent / "exercises").glob("*.ipynb"),
        *(COURSE.parent / "reference/solutions").glob("*.ipynb"),
    ]
    assert [str(path) for path in texts if "bad message" in words_of(path)] == []


def test_the_page_to_print_is_short() -> None:
    lines = [line for line in guide("summary").source.splitlines() if line]
    assert len(lines) <= 45
    assert sum(math.ceil(len(line) / 100) for line in lines) <= 45


@pytest.mark.skipif(BROWSER is None, reason="no chromium is installed (Debian: apt install chromium)")
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_page_to_print_is_one_page_when_it_is_printed(paper: str, tmp_path: Path) -> None:
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    nbformat.write(nbformat.v4.new_notebook(cells=[guide("summary")]), tmp_path / "page.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(tmp_path / "page.ipynb")]
    subprocess.run(command, check=True, capture_output=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri(), wait_until="domcontentloaded")
        printed = page.pdf(format=paper, margin=dict.fromkeys(["top", "bottom", "left", "right"], "10mm"))
        browser.close()
    assert len(re.findall(rb"/Type /Page\b", printed)) == 1


def test_the_prices_on_the_page_are_those_that_were_counted() -> None:
    counted = "".join(output.text for output in guide("price-run").outputs)
    prices = {
        name: f"{first[0]}/{first[1]}, {again[0]}/{again[1]}, {rows}"
        for name, *numbers in (line.split() for line in counted.replace("/", " ").splitlines()[1:])
        for first, again, rows in [(numbers[:2], numbers[2:4], numbers[4])]
    }
    shown = [row[2] for row in table_rows(guide("summary").source) if len(row) == 5]
    order = ["bare", "put", "enter", "enter_and_add", "if_version", "claim", "leased"]
    assert shown == [*(prices[name] for name in order), "–"]
