"""The page of the service in a real browser: log in, submit, look, end, log out."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chromium import chromium

NARROW = {"width": 390, "height": 800}


@pytest.fixture
def page() -> Iterator[Any]:
    with chromium() as driver:
        opened = driver.new_page(viewport=NARROW)
        opened.set_default_timeout(120_000)  # a busy host counts slowly
        yield opened


@pytest.mark.slow
def test_a_search_is_submitted_and_ended_on_the_page(served, page):
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served[0])
    page.fill("input[name=token]", served[2]["ann"])
    page.click("button")
    page.select_option("select[name=space]", "mobile_small")
    page.fill("input[name=budget]", "5M-MACs")
    page.wait_for_selector("#fits:has-text('%')")
    page.fill("input[name=study]", "by hand")
    page.click('button:text("Submit")')
    page.wait_for_url("**/searches/*")
    assert page.inner_text("h1") == "by hand"
    assert page.inner_text("#state") == "queued"
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.click('button:text("Stop now")')
    page.wait_for_selector("#state:text('cancelled')")
    page.click('button:text("Log out")')
    page.wait_for_selector("input[name=token]")
    assert not complaints


def test_a_form_of_another_site_changes_nothing(served, page):
    page.set_content(f"<form method=post action='{served[0]}/login'><input name=token value=x><button>")
    with page.expect_response("**/login") as answered:
        page.click("button")
    assert answered.value.status == 403
