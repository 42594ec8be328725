"""Every mixer, block and skeleton converts to LiteRT, where scores are compared before a file is written."""

from pathlib import Path

import pytest

from nas.exports.formats import EXPORTERS
from search_spaces.errors import ExportError
from tests.nas.exports.networks import HAS_LITERT, every_part, names_in, network_to_export

pytestmark = [pytest.mark.long, pytest.mark.skipif(not HAS_LITERT, reason="needs the extra litert")]

PARTS = every_part()
REFUSED = {("litert_int8", "mixer-cross_covariance_attention"): "zero_point"}
"""What the runtime says of networks that it cannot compute: in int8 a small divisor is rounded to 0."""


@pytest.mark.parametrize("form", ["litert", "litert_int8"])
@pytest.mark.parametrize("name", PARTS)
def test_every_part_converts_and_keeps_its_scores(name: str, form: str, tmp_path: Path):
    given, exporter = network_to_export(PARTS[name]), EXPORTERS[form]
    if (form, name) in REFUSED:
        with pytest.raises(ExportError, match=REFUSED[form, name]) as caught:
            exporter.write(given, tmp_path)
        assert "\n" not in str(caught.value)
        return
    exporter.write(given, tmp_path)
    assert names_in(tmp_path) == set(exporter.files(given.name))
