"""A second factor in a real browser: set up before anything else, then asked for; nothing is refused by the page's own policy."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chimera.kernel.entrance import second_factor
from swarm.models import Tenant
from tests.browser.conftest import PASSWORD
from tests.browser.screen import CHROMIUM, NOT_TRIED, REQUIRED, Screen, keep_image
from tests.cast import Stage

if not CHROMIUM and not REQUIRED:
    pytest.skip(NOT_TRIED, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _log_in(page: Any) -> None:
    page.goto("/admin/swarm/membership/")
    page.fill("input[name=username]", "boss@acme")
    page.fill("input[name=password]", PASSWORD)
    page.click("text=Log in")


def test_who_needs_one_sets_it_up_and_is_asked_for_it_from_then_on(acme: Stage, screen: Screen) -> None:
    with acme.bound():
        Tenant.objects.update(second_factor_required=True)

    def set_up(page: Any) -> str:
        _log_in(page)
        page.wait_for_url("**/admin/second-factor/")
        secret: str = page.inner_text("#secret")
        assert page.locator(".chm-qr svg").is_visible()
        keep_image(page, "second-factor")
        page.fill("#id_code", second_factor.code_at(secret, second_factor.step_now()))
        page.fill("#id_password", PASSWORD)
        page.click("text=Switch it on")
        page.wait_for_selector("#codes")
        assert page.locator("#codes li").count() == 10
        page.click("text=I have kept them")
        page.wait_for_selector("text=Waiting cards")
        page.goto("/admin/swarm/membership/")
        keep_image(page, "members")
        return secret

    def come_back(page: Any) -> None:
        page.context.clear_cookies()
        _log_in(page)
        page.wait_for_url("**/admin/login/code/")
        page.fill("#id_code", second_factor.code_at(secret, second_factor.step_now() + 1))
        page.click("button[type=submit]")
        page.wait_for_selector("text=New member")

    secret = screen(set_up)
    screen(come_back)
    assert screen.complaints == []
    assert second_factor.is_set_up(get_user_model().objects.get(pk=acme.boss.id))
