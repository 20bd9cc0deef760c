"""Put beside a proxy's configuration: classifiers that hang or break, registered under names the settings can choose."""

import asyncio
import sys
from types import SimpleNamespace

from litellm.integrations.custom_logger import CustomLogger

from litellm_cascade.classifiers import registry
from litellm_cascade.classifiers.base import Options


class Hanging:
    name, digest = "hanging", ""

    async def classify(self, request):
        await asyncio.sleep(10)


class Dead:
    name, digest = "dead", ""

    async def classify(self, request):
        raise RuntimeError("no such device")


for kind in (Hanging, Dead):
    made = SimpleNamespace(Options=Options, make=lambda _options, _around, kind=kind: kind())
    sys.modules[f"litellm_cascade.classifiers.{kind.name}"] = made  # where a classifier's module is looked for
    registry[kind.name] = kind.name
loaded = CustomLogger()
