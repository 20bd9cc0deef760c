"""The benchmark of the classifier service on its smallest scale: does it run, and does it say what it should? Its numbers mean nothing."""

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from litellm_cascade.offline.bench_service.callers import Load, load
from litellm_cascade.offline.bench_service.measuring import Extent, Reading, setups
from litellm_cascade.offline.bench_service.report import as_json, markdown
from litellm_cascade.offline.pages import Grid, Paragraph, blocks_of
from litellm_cascade.testing.service import ServiceProcess
from litellm_cascade.testing.serving import ServerThread


def reading(setup, rate, round_=0):
    found = Load(requests_per_s=rate, p50_ms=10.0, p99_ms=30.0, refused=1)
    return Reading(setup=setup, round=round_, load=found, cpu_ms=0.2, busy=3.0)


@pytest.mark.parametrize(("rates", "verdict"), [((2_000.0, 4_000.0, 9_000.0), "met"), ((2_000.0, 2_500.0, 9_000.0), "missed")])
def test_the_table_has_the_median_the_baseline_and_the_verdict(rates, verdict):
    readings = [*(reading("uvicorn", rate, number) for number, rate in enumerate(rates)), reading("uvicorn, one at a time", 200.0)]
    text = markdown(Extent(rounds=3), readings)
    assert f"| uvicorn | {rates[1]:,.0f} (2,000, 9,000) | {rates[1] / 200:.1f} | 10.0 | 30.0 | 0.20 |" in text
    assert f"Bar for uvicorn: 3,000 requests/s: {verdict}." in text
    assert "12,800 requests/s is what the device itself allows" in text
    assert "load average 3.0" in text
    assert "4 refused" in text
    assert [type(block) for block in blocks_of(text)] == [Paragraph, Grid], "what --html writes"
    assert len(json.loads(json.dumps(as_json(Extent(), readings)))["readings"]) == 4


def test_both_of_uvicorns_services_answer_its_callers(tmp_path):
    for setup in setups()[:2]:
        with setup.start(tmp_path, 1.0) as service:
            assert isinstance(service, ServiceProcess)
            found = asyncio.run(load("127.0.0.1", service.port, "classifier", callers=4, seconds=0.3))
        assert found.refused == 0
        assert 0 < found.p50_ms <= found.p99_ms


def test_what_is_refused_is_counted_and_not_timed():
    async def refuse(request):
        return JSONResponse({"error": "busy"}, 503)

    with ServerThread(Starlette(routes=[Route("/v2/models/m/infer", refuse, methods=["POST"])])) as server:
        found = asyncio.run(load("127.0.0.1", int(server.url.rpartition(":")[2]), "m", callers=2, seconds=0.1))
    assert found.refused > 0
    assert found.requests_per_s == 0
