"""The pages of money in a real browser: a limit is raised and taken back, and the charts are drawn without a script."""

from typing import Any

import pytest

from chimera.flows.warn_budgets import Watch
from commerce.models import BudgetConfig
from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen, keep_image
from tests.browser.test_console import log_in
from tests.cast import Stage
from tests.scene import Scene

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_limit_is_raised_and_taken_back_where_its_chart_stands(acme: Stage, scene: Scene, screen: Screen) -> None:
    Watch().look()
    with acme.bound():
        budget = BudgetConfig.objects.get(scope="tenant").pk

    def raise_it(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Budgets")
        page.click("text=the whole tenant")
        page.wait_for_url(f"**/{budget}/")
        assert page.locator("figure.chm-chart svg").count() == 2
        limit = page.locator("text.chm-chart-level", has_text="limit $0.30")
        assert limit.bounding_box()["width"] > 20
        assert page.locator("rect.chm-chart-captured").first.bounding_box()["height"] > 5
        page.wait_for_selector("tr:has-text('80 %') >> text=$0.28 of $0.30")
        keep_image(page, "budget", full_page=True)
        page.click("summary >> text=Raise a limit for a while")
        page.fill("#id_raise_amount_usd", "0.20")
        page.fill("#id_raise_reason", "The film is to be rendered today.")
        page.click("button[value=raise]")
        page.wait_for_selector("text=boss@acme raised a limit of the")
        page.wait_for_selector("text.chm-chart-level >> text=limit $0.50")
        page.click("text=$0.20 day")
        page.click("button[value=revoke]")
        page.wait_for_selector("text=boss@acme took back the")

    def add_up(page: Any) -> str:
        page.click("nav >> text=Statements")
        page.check("input[value=agent]")
        page.click("button >> text=Show")
        page.wait_for_selector("td >> text=ada")
        keep_image(page, "statement")
        taken = page.request.get(page.get_attribute("a:has-text('CSV')", "href"))  # with the browser's own cookies
        assert taken.headers["content-disposition"].startswith('attachment; filename="statement-')
        return str(taken.text())

    screen(raise_it)
    assert screen(add_up).startswith("day,agent,agent_name,opening_count")
    assert screen.complaints == []


def test_no_page_of_money_needs_scrolling_sideways(acme: Stage, scene: Scene, screen: Screen) -> None:
    with acme.bound():
        budget = BudgetConfig.objects.get(scope="tenant").pk
    paths = (f"/admin/commerce/budgetconfig/{budget}/", "/admin/commerce/statement/", "/admin/commerce/limitincrease/")

    def visit(page: Any) -> list[str]:
        log_in(page, "boss@acme")
        page.set_viewport_size({"width": 800, "height": 900})
        wide = []
        for path in paths:
            assert page.goto(path).status == 200, path
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(path)
        return wide

    assert screen(visit) == []
    assert screen.complaints == []


def test_rules_are_previewed_and_put_in_place(acme: Stage, scene: Scene, screen: Screen) -> None:
    def write_them(page: Any) -> None:
        log_in(page, "boss@acme")
        page.click("nav >> text=Budgets")
        page.click("text=the whole tenant")
        page.click("text=Change the rules")
        page.fill("#id_payees_denied", "render.example")
        page.fill("#id_approvals", "above 0.05: 2 of finance, reviewer")
        page.click("button[name=preview]")
        page.wait_for_selector("td >> text=payee denied")
        keep_image(page, "rules", full_page=True)
        page.fill("#id_approvals", "above 0.05: many")
        page.click("button[name=save]")
        page.wait_for_selector("[role=alert] >> text=Must be an amount")
        page.fill("#id_approvals", "above 0.05: 2 of finance")
        page.click("button[name=preview]")
        page.click("button[name=save]")
        page.wait_for_selector("text=boss@acme put version 1 of the rules in place")
        page.wait_for_selector("td >> text=above 0.05: 2 of finance")

    screen(write_them)
    assert all("422" in said for said in screen.complaints), screen.complaints  # of the refused preview
