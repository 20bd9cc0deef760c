"""Fakes that ship: a classifier, an audit sink, a model server, a span collector; and, for real, a proxy process and a small model.

None of them imports litellm. The light ones are here; the servers are imported by their module::

    from litellm_cascade.testing import FakeClassifier, RememberingSink
    from litellm_cascade.testing.upstream import FakeUpstream, Reply, ToolCall
    from litellm_cascade.testing.telemetry import SpanCollector
    from litellm_cascade.testing.proxy import ProxyProcess
    from litellm_cascade.testing.llama_server import LlamaServer
"""

from litellm_cascade.testing.fakes import FakeClassifier, RememberingSink

__all__ = ["FakeClassifier", "RememberingSink"]
