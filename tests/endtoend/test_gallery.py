"""Pages of the gallery say what was recorded, and nothing else."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallery():
    sys.path.insert(0, str(ROOT))
    import examples.__main__ as gallery

    yield gallery
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def pages(gallery):
    """The module that scripts import from their own folder, which the gallery has put on the path."""
    return importlib.import_module("gallery")


def test_pages_are_filled_from_recorded_numbers(gallery, pages):
    records = gallery.recorded()
    assert records
    for name, record in records.items():
        assert not record["quick"], name
        assert (gallery.RECORDS / f"{name}.png").exists(), name
        assert (gallery.RECORDS / f"{name}.md").read_text() == pages.page(name, gallery.entry(name), record), name
    assert (gallery.RECORDS / "README.md").read_text() == gallery.table()


def test_a_page_cannot_name_a_number_that_is_missing(pages):
    with pytest.raises(KeyError, match="absent"):
        pages.filled("{{ qif.absent:.2f }}", {"numbers": {"qif": {"jump": 1.0}}})
