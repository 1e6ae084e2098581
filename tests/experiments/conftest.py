"""Plans over tiny worlds, and a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from experiments import tiny_worlds
from experiments.extras import needs

from market.experiments.design.plan import Plan
from market.experiments.experiment import plan_experiment

POLICY = """\
name: dearer
title: Contracts are dearer
description: A policy for tests.
from: 2024-07-15
set: {price.margin: {add: 0.1}}
"""


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "dearer.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def tiny_plan(policy_file: Path) -> Callable[..., Plan]:
    """Make a plan over a world of `tiny_worlds`: 13 weeks, one policy."""

    def make(world: str = "price", **flags: Any) -> Plan:
        said = {
            "policies": [str(policy_file)], "seeds": 5, "years": 0.25, "metrics": ["prices.h100_contract"],
            "every_weeks": 5, **flags,
        }  # fmt: skip
        return plan_experiment(getattr(tiny_worlds, world), None, said)

    return make


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which runs of tiny worlds leave traces."""
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("TINY_WORLDS_SCRATCH", str(folder))
    return folder


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty bucket on a server of this machine."""
    needs("moto")
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    for key, value in {
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(key, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    where = f"{host}:{port}"
    name = f"lab-{abs(hash(str(tmp_path))):x}"  # servers of one process share their buckets
    S3FileSystem(endpoint_override=where, scheme="http", region="us-east-1", allow_bucket_creation=True).create_dir(
        name
    )
    yield f"s3://{name}/trial?endpoint_override={where}&scheme=http&region=us-east-1"
    server.stop()
