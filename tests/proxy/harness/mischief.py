"""Put beside a proxy's configuration: a guardrail on answers, and a way to make the plugin itself break on command."""

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail
from litellm.integrations.custom_logger import CustomLogger

from litellm_cascade.proxy.runtime import Runtime


class NoSecrets(CustomGuardrail):
    async def async_post_call_success_hook(self, data, user_api_key_dict, response):
        if "SECRET" in str(response):
            raise HTTPException(status_code=400, detail={"error": "the guardrail stopped this answer"})

    async def async_post_call_streaming_iterator_hook(self, user_api_key_dict, response, request_data):
        async for chunk in response:
            if "SECRET" in str(chunk):
                raise HTTPException(status_code=400, detail={"error": "the guardrail stopped this answer"})
            yield chunk


class Saboteur(CustomLogger):
    """Importing it changes nothing; a prompt with the word SABOTAGE makes every part of the plugin raise."""


def _breaking(method):
    def broken(self, *args, **kwargs):
        if "SABOTAGE" in str(args):
            raise RuntimeError("a bug in the plugin")
        return method(self, *args, **kwargs)

    return broken


for name in ("plan", "answer", "stream"):
    setattr(Runtime, name, _breaking(getattr(Runtime, name)))
saboteur = Saboteur()
