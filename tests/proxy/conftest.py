"""The fixtures of the tests against a real proxy.

The servers around it live as long as the session, a proxy as long as its module, and what they remember as long as a test.
"""

from contextlib import ExitStack

import pytest
from harness.configs import BESIDE, cascade_config, plain_config
from harness.redis_server import RedisServer
from harness.spend import Spend
from harness.telemetry import otel_to

from forked_proxy import ForkedProxy
from frozen_spans import undocumented
from litellm_cascade.testing.proxy import ProxyProcess
from litellm_cascade.testing.telemetry import SpanCollector, TraceParent
from litellm_cascade.testing.upstream import FakeUpstream


def strange_in(span):
    """What the reference does not have; LiteLLM's second telemetry writes who asks for what on every span of the process."""
    said = {key: value for key, value in span.attributes.items() if not key.startswith("litellm.") and key != "gen_ai.request.model"}
    return undocumented(span.name, said, [(event.name, event.attributes) for event in span.events])


@pytest.fixture(scope="session")
def upstream_server():
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="session")
def collector_server():
    with SpanCollector() as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A Redis of the module's own, empty; without the program the test is skipped."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def spend_file(tmp_path_factory):
    return tmp_path_factory.mktemp("spend") / "rows.jsonl"


@pytest.fixture
def upstream(upstream_server):
    """The fake model server, without scripts and requests of earlier tests; what starts with the next module finds none either."""
    upstream_server.clear()
    yield upstream_server
    upstream_server.clear()


@pytest.fixture
def collector(collector_server):
    """The span collector, empty. What it gets of our spans must stand in docs/audit.md."""
    collector_server.clear()
    yield collector_server
    strange = {line for span in collector_server.spans if span.scope == "litellm_cascade" for line in strange_in(span)}
    assert strange == set()


@pytest.fixture
def trace():
    """A trace of this test alone: send ``trace.headers``, look for ``trace.trace_id``."""
    return TraceParent()


@pytest.fixture
def spend(spend_file):
    """The spend rows from here on."""
    return Spend(spend_file)


@pytest.fixture(scope="session")
def prepare_proxy(tmp_path_factory, collector_server, spend_file):
    """A proxy for a configuration, not yet started: telemetry goes to the collector, spend to the spend file.

    It is forked where it is asked for without an environment, which LiteLLM may read while it is imported, and one process is enough.
    """

    def prepare(config, *, env=None, files=(), kind=None, **options):
        kind = kind or (ProxyProcess if env or "arguments" in options else ForkedProxy)
        env = otel_to(collector_server.endpoint) | {"CASCADE_SPEND_FILE": str(spend_file)} | (env or {})
        return kind(config, tmp_path_factory.mktemp("proxy"), env=env, files=(*BESIDE, *files), **options)

    return prepare


@pytest.fixture(scope="module")
def start_proxy(prepare_proxy):
    """Starts a proxy for a configuration; it ends with the module's tests, for one takes 400 MB."""
    with ExitStack() as running:
        yield lambda config, **options: running.enter_context(prepare_proxy(config, **options))


@pytest.fixture(scope="module")
def plain_proxy(start_proxy, upstream_server):
    """LiteLLM without the plugin: what answers must be compared with."""
    return start_proxy(plain_config(upstream_server.url))


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server):
    """LiteLLM with the plugin and its virtual alias ``auto``."""
    return start_proxy(cascade_config(upstream_server.url))


@pytest.fixture
def client(proxy):
    """An HTTP client of ``proxy``, logged in."""
    with proxy.client() as client:
        yield client


@pytest.fixture
def plain_client(plain_proxy):
    """An HTTP client of ``plain_proxy``, logged in."""
    with plain_proxy.client() as client:
        yield client
