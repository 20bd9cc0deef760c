"""How a classifier that asks a model does so from the command line: through a proxy, as its clients do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from litellm_cascade.errors import ClassifierError

NOT_IN_HTTP = frozenset({"timeout"})
"""Parameters of an asking that are about the connection, not about the model."""


class ThroughProxy:
    """Asks the aliases of the proxy, or any server that speaks OpenAI's chat dialect, at ``url``."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def __call__(self, alias: str, messages: list[dict[str, Any]], parameters: Mapping[str, Any]) -> Any:
        """Raises ``ClassifierError`` with what the server says, which is not about the prompt but about the asking."""
        body = {"model": alias, "messages": messages} | {name: value for name, value in parameters.items() if name not in NOT_IN_HTTP}
        try:
            async with httpx.AsyncClient(headers=self._headers, timeout=parameters.get("timeout"), trust_env=False) as client:
                answer = await client.post(self._url, json=body)
        except httpx.TimeoutException:
            raise TimeoutError from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClassifierError(f"{self._url} cannot be asked ({type(error).__name__}); is the proxy of --proxy running?") from None
        if answer.is_error:
            hint = "; put its key into LITELLM_API_KEY" if answer.status_code in (401, 403) else ""
            raise ClassifierError(f"{self._url} answered {answer.status_code} for {alias!r}{hint}")
        try:
            return answer.json()
        except ValueError:
            raise ClassifierError(f"{self._url} answered without JSON; is it a proxy?") from None
