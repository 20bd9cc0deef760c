"""LiteLLM's application under uvicorn, without LiteLLM's own command."""

import sys

from litellm_cascade.testing.proxy import ProxyProcess


class AppProcess(ProxyProcess):
    """Started like this, LiteLLM reads ``general_settings.database_url`` and connects to ``DATABASE_URL`` alone.

    So a configuration may name a database where LiteLLM's client for it, with its engine, is not installed.
    """

    def _program(self):
        app = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--lifespan", "on"]
        return ["env", f"CONFIG_FILE_PATH={self.config_path}", *app]
