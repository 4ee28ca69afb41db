"""All files of all sources, in the order in which they should be imported: who people are, then what they
did."""

from collections.abc import Iterator

import pyarrow as pa

from simulator.exports.app import app
from simulator.exports.browsing import browsing
from simulator.exports.crm import changes, crm
from simulator.exports.sales import sales
from simulator.exports.shop import pos, shop
from simulator.exports.story import Story
from simulator.exports.wechat import mini_program, official_account
from simulator.files import SourceFile


def export(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Every file with the chunk's rows of it; a table may be empty."""
    for source in (crm, pos, shop, mini_program, official_account, app, sales, browsing, changes):
        yield from source(story)
