"""Put beside a proxy's configuration: classifiers that hang or break, registered under names the settings can choose."""

import asyncio

from litellm.integrations.custom_logger import CustomLogger

from litellm_cascade.classifiers import registry


class Hanging:
    name, digest = "hanging", ""

    async def classify(self, request):
        await asyncio.sleep(10)


class Dead:
    name, digest = "dead", ""

    async def classify(self, request):
        raise RuntimeError("no such device")


registry.update(hanging=Hanging, dead=Dead)
loaded = CustomLogger()
