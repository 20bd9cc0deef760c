"""Put beside a proxy's configuration: a classifier and a plugin that break, and quote in their errors what they were given."""

import sys
from types import SimpleNamespace

from litellm.integrations.custom_logger import CustomLogger

from litellm_cascade.classifiers import registry
from litellm_cascade.classifiers.base import Options
from litellm_cascade.proxy.runtime import Runtime
from litellm_cascade.vocabulary import Classification


class Telltale:
    name, digest = "telltale", ""

    async def classify(self, request):
        said = "\n".join(turn.text for turn in request.turns)
        if "CLASSIFIER" in said:
            raise RuntimeError(f"cannot read {said!r}")
        return Classification(task="Open QA", task_probability=0.9, complexity=0.3, classifier=self.name)


def _quoting(method):
    async def broken(self, data, *args, **kwargs):
        if "SABOTAGE" in str(data):
            raise RuntimeError(f"a bug in the plugin with {data}")
        return await method(self, data, *args, **kwargs)

    return broken


sys.modules["litellm_cascade.classifiers.telltale"] = SimpleNamespace(Options=Options, make=lambda _options, _around: Telltale())
registry["telltale"] = "telltale"
Runtime.plan = _quoting(Runtime.plan)
loaded = CustomLogger()
