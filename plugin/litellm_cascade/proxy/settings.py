"""What an operator writes under ``callback_settings: cascade:`` in LiteLLM's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from litellm_cascade.errors import StartupError
from litellm_cascade.policy.shipped import shipped_folder


class ClassifierSettings(BaseModel):
    """Which classifier, and how long it may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "linear"
    within_ms: float = Field(default=25.0, gt=0)
    remember: int = Field(default=4096, ge=0)
    """Of how many prompts what the classifier believes is remembered; 0: of none."""
    remember_seconds: float = Field(default=3600.0, gt=0)


class MemorySettings(BaseModel):
    """What is remembered of conversations, and how long a request waits for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(default=20_000, ge=0)
    """Entries this process keeps; the oldest go first. 0: none, and no shared cache is asked."""
    within_ms: float = Field(default=20.0, gt=0)
    """How long a request waits for the shared cache (LiteLLM's Redis)."""


class Settings(BaseModel):
    """All settings, with defaults that work beside ``policies/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policies: str = "policies"
    """Folder of ``<policy>.yaml`` files, relative to LiteLLM's configuration file."""
    reload_seconds: float = Field(default=2.0, ge=0)
    """How often policy files are looked at for changes; 0: never."""
    classifier: ClassifierSettings = ClassifierSettings()
    memory: MemorySettings = MemorySettings()
    debug_headers: bool = False
    """Send every ``x-cascade-*`` header instead of the short list."""
    seed: int = 0
    tokens: Literal["estimate", "tiktoken"] = "estimate"
    """How the tokens of a request are counted: by script class, or with the tokenizer that LiteLLM counts with."""
    access: Literal["alias", "strict"] = "alias"
    """Whether a key needs access to the virtual model alone, or also to the aliases that answer for it."""


def read_settings(raw: Mapping[str, Any] | None) -> Settings:
    """The settings, or one sentence for each thing that is wrong with them."""
    try:
        return Settings.model_validate(raw or {})
    except ValidationError as error:
        raise StartupError([_sentence(problem) for problem in error.errors()]) from None


def policy_path(settings: Settings, config_file: str | None, policy: str) -> Path:
    """Where the policy of ``cascade/<policy>`` lies: in the folder of the settings, else among those that are shipped."""
    beside = Path(config_file).resolve().parent if config_file else Path.cwd()
    own, shipped = (folder / f"{policy}.yaml" for folder in (beside / settings.policies, shipped_folder()))
    return shipped if shipped.is_file() and not own.exists() else own


def _sentence(problem: Any) -> str:
    where = ".".join(str(part) for part in ("callback_settings", "cascade", *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; the settings are {', '.join(sorted(Settings.model_fields))}"
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}; it is {problem['input']!r} now"
