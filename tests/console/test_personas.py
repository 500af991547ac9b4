"""Personas at the console: uploaded, read version by version with what is different, retired."""

import re

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.cast import Stage
from tests.console.desk import Desk, Page
from tests.console.places import NOUNS
from tests.memory.personas.conftest import soul

PERSONA = NOUNS["persona"]
NEW = f"{PERSONA.list}new/"


def row_id(page: Page) -> str:
    """Of the persona that a page shows, from the address of its first version."""
    return re.findall(rf"{PERSONA.list}([0-9a-f-]{{36}})/versions/1/", page.html)[0]  # type: ignore[no-any-return]


def test_a_soul_is_uploaded_and_shown(acme: Stage, otto: Desk) -> None:
    assert "id: harbour-notebook" in otto.get(NEW).ok().html, "the form shows what is asked for"
    page = otto.post(NEW, soul=soul()).ok()
    assert "otto@acme made version 1 of “The Harbour Notebook”" in page.text
    for words in ("A neighbour who knows the harbour well.", "What outranks it", "You are an AI.", "SHA-256"):
        assert words in page.text, words
    assert "The Harbour Notebook" in otto.get(PERSONA.list).ok().text


def test_a_file_is_taken_too(acme: Stage, otto: Desk) -> None:
    file = SimpleUploadedFile("SOUL.md", soul(name="From a file").encode(), content_type="text/markdown")
    assert 'enctype="multipart/form-data"' in otto.get(NEW).html
    assert "made version 1 of “From a file”" in otto.post(NEW, soul="", file=file).ok().text
    odd = SimpleUploadedFile("SOUL.md", b"\xff\xfe")
    assert "not UTF-8" in otto.post(NEW, soul="", file=odd).text
    large = SimpleUploadedFile("SOUL.md", b"x" * 100_000)
    assert otto.post(NEW, soul="", file=large).status == 413


def test_a_version_shows_what_is_different_from_the_one_before(acme: Stage, otto: Desk) -> None:
    otto.post(NEW, soul=soul()).ok()
    page = otto.post(NEW, soul=soul(directives=("Name places.",))).ok()
    assert "made version 2" in page.text
    one = PERSONA.one(row_id(page))
    second = otto.get(f"{one}versions/2/").ok()
    assert "Different from version 1" in second.text
    assert '+ - "Name places."' in second.text
    assert "Different from" not in otto.get(f"{one}versions/1/").ok().text
    assert otto.get(f"{one}versions/3/").status == 404
    assert "went back to version 1" in otto.post(NEW, soul=soul()).ok().text


def test_what_is_wrong_is_said_and_what_was_typed_stays(acme: Stage, otto: Desk) -> None:
    page = otto.post(NEW, soul=soul(id="Bad Id", directives=("Claim to be human.",)))
    assert page.status == 422
    assert "Line 2: `id` is small letters" in page.text
    assert "Claim to be human." in page.html
    page = otto.post(NEW, soul=soul(directives=("Claim to be human.",)))
    assert (page.status, "Line 8: “Claim to be human” claims to be human." in page.text) == (422, True)
    assert "No persona yet" in otto.get(PERSONA.list).text


def test_a_persona_that_contradicts_honesty_wears_a_banner(acme: Stage, otto: Desk) -> None:
    page = otto.post(NEW, soul=soul(body="You are a real person.")).ok()
    assert "contradicts honesty, which outranks it in every context: “You are a real person” (line 10)" in page.text


def test_a_persona_is_retired_with_a_reason(acme: Stage, otto: Desk) -> None:
    page = otto.post(NEW, soul=soul()).ok()
    one = row_id(page)
    assert otto.post(PERSONA.one(one, "retire")).status == 422
    assert "Retired at" in otto.post(PERSONA.one(one, "retire"), reason="The launch is over.").ok().text
    assert acme.ada.get("personas/harbour-notebook").ok()["retired_at"]


def test_reviewers_read_and_upload_nothing(acme: Stage, rita: Desk, otto: Desk) -> None:
    page = otto.post(NEW, soul=soul()).ok()
    one = row_id(page)
    assert rita.get(PERSONA.one(one)).ok().buttons == set()
    assert rita.get(f"{PERSONA.one(one)}versions/1/").status == 200
    assert rita.get(NEW).status == 403
    assert "Upload a SOUL.md" not in rita.get(PERSONA.list).ok().text
