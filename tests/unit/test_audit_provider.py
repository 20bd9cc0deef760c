"""Each in a process of its own, since OpenTelemetry's global provider can be set once."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from litellm_cascade.audit import parent_of
from litellm_cascade.audit.provider import _exporter, _private_provider, remote_parent
from litellm_cascade.testing.telemetry import SpanCollector, TraceParent

NOBODY_LISTENS = "http://127.0.0.1:9"
PROLOGUE = """
import os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from litellm_cascade.audit import Tracing

tracing = Tracing()
"""


def passes(code, **environ):
    """Run ``code`` in a fresh process; its assertions are the test's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", PROLOGUE + dedent(code)]
    done = subprocess.run(command, env=clean | environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_provider_that_the_process_has_is_used_also_when_an_endpoint_is_named():
    passes(
        """
        theirs = TracerProvider()
        trace.set_tracer_provider(theirs)
        assert tracing.tracer.resource is theirs.resource
        assert trace.get_tracer_provider() is theirs
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY_LISTENS,
    )


def test_without_a_provider_and_an_endpoint_nothing_is_traced():
    passes(
        """
        assert isinstance(tracing.tracer, trace.NoOpTracer)
        assert not tracing.tracer.start_span("nothing").is_recording()
        """
    )


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_with_an_endpoint_alone_there_is_a_private_provider_and_the_global_one_is_left_to_the_host(variable):
    passes(
        """
        assert tracing.tracer.start_span("ours").is_recording()
        assert tracing.tracer is tracing.tracer
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        theirs = TracerProvider()
        trace.set_tracer_provider(theirs)
        assert trace.get_tracer_provider() is theirs, "the host may still set it"
        os._exit(0)
        """,
        **{variable: NOBODY_LISTENS},
    )


def test_a_forked_worker_gets_a_provider_of_its_own():
    passes(
        """
        parents = tracing.tracer
        child = os.fork()
        if child == 0:
            os._exit(0 if tracing.tracer is not parents and tracing.tracer.resource is not parents.resource else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert tracing.tracer is parents
        os._exit(0)
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY_LISTENS,
    )


def test_what_a_forked_worker_traces_arrives_beside_what_its_parent_does():
    with SpanCollector() as collector:
        passes(
            """
            tracing.tracer.start_span("parent's").end()
            if child := os.fork():
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            else:
                tracing.tracer.start_span("child's").end()
            tracing.flush()
            os._exit(0)
            """,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
        assert sorted(span.name for span in collector.spans) == ["child's", "parent's"]


def test_what_is_traced_arrives_at_the_endpoint_under_the_name_of_the_service():
    with SpanCollector() as collector:
        passes(
            """
            tracing.tracer.start_span("hello").end()
            """,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_SERVICE_NAME="front door",
        )
        (span,) = collector.named("hello")
    assert (span.scope, span.resource["service.name"]) == ("litellm_cascade", "front door")


def test_what_waits_is_sent_when_it_must_be():
    with SpanCollector() as collector:
        passes(
            """
            tracing.flush()
            tracing.tracer.start_span("hello").end()
            tracing.flush()
            os._exit(0)  # as after a signal: nothing else is called
            """,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
        assert len(collector.named("hello")) == 1


@pytest.mark.parametrize(("environ", "service"), [({}, "litellm"), ({"OTEL_SERVICE_NAME": "front door"}, "front door")])
def test_a_private_provider_bears_the_name_of_the_service(environ, service):
    provider = _private_provider(environ)
    assert provider.resource.attributes["service.name"] == service
    provider.shutdown()


@pytest.mark.parametrize(
    ("environ", "exporter"),
    [
        ({}, Http),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, Http),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Grpc),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, Http),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, Grpc),
    ],
)
def test_the_protocol_is_the_one_that_is_asked_for(environ, exporter):
    made = _exporter(environ)
    assert isinstance(made, exporter)
    made.shutdown()


def test_a_client_may_name_the_span_it_asks_from():
    named = TraceParent()
    context = remote_parent(named.headers).get_span_context()
    assert (format(context.trace_id, "032x"), format(context.span_id, "016x"), context.is_remote) == (named.trace_id, named.span_id, True)


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}])
def test_headers_that_name_no_span_have_none(headers):
    assert remote_parent(headers) is None


# --- what the route span belongs under ------------------------------------------------------------------------------------------------


@pytest.fixture
def tracer():
    return TracerProvider(shutdown_on_exit=False).get_tracer("theirs")


def test_litellms_span_comes_first_while_it_lasts(tracer):
    theirs = tracer.start_span("server")
    with tracer.start_as_current_span("around") as around:
        assert parent_of(theirs, TraceParent().headers) is theirs
        theirs.end()
        assert parent_of(theirs, TraceParent().headers) is around
    assert parent_of(theirs, {}) is theirs, "better an ended span than another trace"


def test_a_span_that_was_not_sampled_is_still_the_parent():
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("theirs").start_span("server")
    assert parent_of(unsampled, TraceParent().headers) is unsampled


def test_the_clients_span_is_the_parent_where_there_is_no_other(tracer):
    named = TraceParent()
    with tracer.start_as_current_span("around") as around:
        assert parent_of(None, named.headers) is around
    assert format(parent_of(None, named.headers).get_span_context().span_id, "016x") == named.span_id
    assert parent_of(None, {}) is None
