"""The page of the model library says what the engine finds now."""

from pathlib import Path

import pytest

from symbolic import models, table

PAGE = Path(__file__).parents[2] / "docs" / "lookup" / "models.md"


@pytest.mark.slow
def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == table.table(), "run: python -m symbolic.table docs/lookup/models.md"


def test_every_model_has_a_row():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in rows] == list(models.names())
    assert {line.count(" | ") for line in rows} == {9}
