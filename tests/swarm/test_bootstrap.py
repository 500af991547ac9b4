"""The development tenant and its dev.json: both, or neither."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from chimera import bootstrap
from chimera.kernel import tenancy
from swarm.models import Tenant

pytestmark = pytest.mark.usefixtures("db")
URL = "http://127.0.0.1:8000"


def names() -> list[str]:
    with tenancy.system():
        return sorted(Tenant.objects.values_list("name", flat=True))


def test_dev_json_is_written_with_the_tenant_and_opens_it_again(tmp_path: Path) -> None:
    made = bootstrap.ensure_development(tmp_path, URL)
    assert json.loads((tmp_path / "dev.json").read_text()) == made
    assert bootstrap.ensure_development(tmp_path, URL) == made
    assert names() == ["chimera"]


def test_without_dev_json_there_is_no_tenant(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bootstrap.ensure_development(tmp_path / "missing", URL)
    assert names() == []


def test_a_dev_json_written_before_a_lost_commit_is_made_anew_under_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text(json.dumps({"tenant": str(uuid4()), "base_url": URL}))
    made = bootstrap.ensure_development(tmp_path, URL)
    assert names() == ["chimera"]
    assert json.loads((tmp_path / "dev.json").read_text()) == made
