"""Put beside a proxy's configuration: classifiers that hang or break, registered under names the settings can choose."""

import asyncio
import sys
from types import ModuleType

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


def register(kind):
    """A module of its own for each, as the registry wants it."""
    module = ModuleType(f"litellm_cascade.classifiers.{kind.name}")
    module.Options, module.make = Options, lambda *_: kind()
    sys.modules[module.__name__] = module
    registry[kind.name] = kind.name


register(Hanging)
register(Dead)
loaded = CustomLogger()
