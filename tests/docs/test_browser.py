"""The page on which equations are typed, in a browser, opened from disk and offline."""

import shutil
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "build" / "site"
BROWSERS = "chromium", "chromium-browser", "google-chrome", "chrome"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_equations_are_verified_in_a_browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    page_file = SITE / "learn" / "continuous.html"
    if browser is None or not (SITE / "learn" / "browser" / "page.js").exists():
        pytest.skip("needs a browser, and the site: make docs")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_context(offline=True).new_page()
        failed = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(page_file.as_uri())
        for name, verdict in (("leaky (LIF)", "fails"), ("quadratic (QIF)", "holds")):
            page.select_option("#example", name)
            page.click("#neuron button[type=submit]")
            page.wait_for_selector("#report .verdict, #status:text('failed')", timeout=400_000)
            assert page.locator(f"#report .verdict.{verdict}").count() == 1, page.inner_text("#status")
            assert page.locator("#report svg.phase").count() == 1
        page.fill("[name=query]", "refractory")  # the search, too, works from disk
        page.wait_for_selector(".md-search-result__link", timeout=30_000)
        chromium.close()
    assert failed == []
