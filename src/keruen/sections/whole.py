"""The sections of a brief in reading order, and the answer that they give together."""

from __future__ import annotations

from keruen.beside import beside
from keruen.sections.common import LABOUR, MONEY, Asked, Section, unreported
from keruen.sections.depends import depends_section
from keruen.sections.knew import knew_section
from keruen.sections.net import net_of
from keruen.sections.sure import sure_section
from keruen.sections.tipped import path_or_fault, tipped_section
from keruen.sections.uncounted import uncounted_section
from keruen.sections.went import went_section
from keruen.wording import Parts, releases_of

MEASURES = {"net_migration", "immigration", "emigration", "stock", *MONEY, *LABOUR}


def of_place(asked: Asked, workers: int = 1) -> tuple[list[Parts], list[Section]]:
    """The answer about a place, a sentence a section, and the sections.

    With a second worker the path of net migration is sought in this process, and what moved, who is not counted and who
    depends on whom in another.
    """
    net = net_of(asked)
    if asked.reported:
        sections = [
            went_section(asked, net),
            uncounted_section(asked),
            depends_section(asked),
            knew_section(asked, net),
        ]
        return _answered(asked, [*sections, sure_section(asked, net, None, releases_of(sections), MEASURES)])
    with beside(min(workers - 1, 1)) as ask:
        went = ask(went_section, asked, net)
        uncounted = ask(uncounted_section, asked)
        depends = ask(depends_section, asked)
        path, fault = path_or_fault(asked)
        tipped = tipped_section(asked, path, fault)
        knew = knew_section(asked, net)
        sections = [tipped, went(), uncounted(), depends(), knew]
    return _answered(asked, [*sections, sure_section(asked, net, path, releases_of(sections), MEASURES)])


def _answered(asked: Asked, sections: list[Section]) -> tuple[list[Parts], list[Section]]:
    answer = [s["answer"] for s in sections if s["answer"]]
    return answer or [unreported("net migration, moves, labour migrants or remittances", asked)], sections
