"""Every mixer, block and skeleton converts to LiteRT, where scores are compared before a file is written."""

from pathlib import Path

import pytest

from nas.exports.formats.litert import EXPORTER
from tests.nas.exports.networks import HAS_LITERT, every_part, names_in, network_to_export

PARTS = every_part()


@pytest.mark.long
@pytest.mark.skipif(not HAS_LITERT, reason="needs the extra litert")
@pytest.mark.parametrize("name", PARTS)
def test_every_part_converts_and_keeps_its_scores(name: str, tmp_path: Path):
    given = network_to_export(PARTS[name])
    EXPORTER.write(given, tmp_path)
    assert names_in(tmp_path) == set(EXPORTER.files(given.name))
