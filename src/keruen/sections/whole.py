"""The sections of a brief in reading order, and the answer that they give together."""

from __future__ import annotations

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


def of_place(asked: Asked) -> tuple[list[Parts], list[Section]]:
    """The answer about a place, a sentence a section, and the sections."""
    net = net_of(asked)
    path, fault = path_or_fault(asked)
    sections = [
        tipped_section(asked, path, fault),
        went_section(asked, net),
        uncounted_section(asked),
        depends_section(asked),
        knew_section(asked, net),
    ]
    sections.append(sure_section(asked, net, path, releases_of(sections), MEASURES))
    answer = [s["answer"] for s in sections if s["answer"]]
    return answer or [unreported("net migration, moves, labour migrants or remittances", asked)], sections
