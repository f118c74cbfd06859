"""Load in an open loop: each question is asked when it was planned, however slow the answers before it are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.traffic.heard import Heard
from tests.support.traffic.question import Question
from tests.support.traffic.raw import Callers
from tests.support.traffic.verdict import Kind, Verdict, judge


@dataclass(frozen=True)
class Told:
    question: Question
    heard: Heard
    verdict: Verdict

    @property
    def seconds(self) -> float:
        """From when it was planned, so that whoever makes callers wait cannot hide it."""
        return self.heard.ended - self.heard.planned


@dataclass
class Report:
    told: list[Told] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[Kind]:
        return Counter(each.verdict.kind for each in self.told)

    @property
    def lies(self) -> list[str]:
        return [each.verdict.why for each in self.told if each.verdict.kind is Kind.LIE]

    def seconds(self, share: float) -> float:
        """What so many of all that were answered rightly stay below: 0.99 is the 99th percentile."""
        right = sorted(each.seconds for each in self.told if each.verdict.kind is Kind.RIGHT)
        assert right, f"nothing was answered rightly: {self.kinds}"
        return right[min(len(right) - 1, int(share * len(right)))]


async def drive(callers: Callers, questions: Iterable[Question], rate: float) -> Report:
    """So many a second; over when the last one is answered."""
    loop = asyncio.get_running_loop()
    begin, report = loop.time(), Report()

    async def one(question: Question, planned: float) -> None:
        heard = await callers.ask(question, planned)
        report.told.append(Told(question, heard, judge(heard, question.wanted)))

    async with asyncio.TaskGroup() as group:
        for number, question in enumerate(questions):
            planned = begin + number / rate
            await asyncio.sleep(max(0.0, planned - loop.time()))
            group.create_task(one(question, planned))
    callers.close()
    return report
