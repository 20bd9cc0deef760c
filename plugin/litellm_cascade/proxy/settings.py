"""What an operator writes under ``callback_settings: cascade:`` in LiteLLM's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from litellm_cascade.classifiers import DEFAULT
from litellm_cascade.errors import StartupError, as_it_is
from litellm_cascade.policy.shipped import shipped_folder


class ClassifierSettings(BaseModel):
    """Which classifier, and how long it may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = DEFAULT
    options: Mapping[str, Any] = {}
    """What this classifier has of its own, such as where its weights lie: docs/classifiers.md."""
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


class FeedbackSettings(BaseModel):
    """Of which answers callers may say what they were worth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    remember: int = Field(default=10_000, ge=0)
    """Answers this process keeps in mind; the oldest go first. 0: none, and there is no feedback."""
    remember_seconds: float = Field(default=24 * 3600.0, gt=0)
    within_ms: float = Field(default=500.0, gt=0)
    """How long feedback waits for the shared cache (LiteLLM's Redis) to find its answer."""


class RungSettings(BaseModel):
    """When a rung counts as ill, so that cascades do without it for a while."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failures: int = Field(default=5, ge=1)
    """Within ``over_seconds``; fewer never make a rung ill."""
    failing_share: float = Field(default=0.5, gt=0, le=1)
    """Of the calls that ended within ``over_seconds``."""
    over_seconds: float = Field(default=30.0, gt=0)
    slow_seconds: float | None = Field(default=None, gt=0)
    """A whole answer, or the beginning of a stream, that takes longer counts as a failure; the gates' deadlines always do."""
    cool_off_seconds: float = Field(default=15.0, gt=0)
    """How long an ill rung is left alone before one request tries it again."""


class RecordSettings(BaseModel):
    """The decision record. Off unless a folder is named, or a database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str | None = None
    """Where its files go, relative to LiteLLM's configuration file."""
    postgres: bool | str | None = False
    """Keep it in PostgreSQL instead: ``true``: in LiteLLM's database; ``os.environ/NAME``: in the one whose URL that variable has.

    LiteLLM has replaced such names by their values, None where there is none, before they come here.
    """
    fsync_ms: Annotated[float, Field(ge=0)] | Literal["never"] = 1000.0
    """At most so long after it was written a line is forced to the disk; 0: at once."""
    rotate_mb: float = Field(default=64.0, gt=0)
    rotate_hours: float = Field(default=24.0, gt=0)
    queue_records: int = Field(default=10_000, ge=1)
    """How many records may wait while the disk is slow or full; more are left out, and counted."""
    hmac_key: str | None = None
    """A secret of 32 characters or more, best as ``os.environ/NAME``: with it nobody else can make a line that verifies."""


class Settings(BaseModel):
    """All settings, with defaults that work beside ``policies/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policies: str = "policies"
    """Folder of ``<policy>.yaml`` files, relative to LiteLLM's configuration file."""
    reload_seconds: float = Field(default=2.0, ge=0)
    """How often policy files are looked at for changes; 0: never."""
    classifier: ClassifierSettings = ClassifierSettings()
    tiers: Annotated[Mapping[str, Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)] = {
        "SIMPLE": 0.0,
        "MEDIUM": 0.25,
        "COMPLEX": 0.5,
        "REASONING": 0.75,
    }
    """For LiteLLM's own complexity router: from which complexity on a request belongs to a tier."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where Prometheus metrics are served on 127.0.0.1, for proxies whose own /metrics is off."""
    memory: MemorySettings = MemorySettings()
    feedback: FeedbackSettings = FeedbackSettings()
    rungs: RungSettings = RungSettings()
    budget_sync_seconds: float = Field(default=1.0, gt=0)
    """How often processes tell each other, through LiteLLM's Redis, what they have taken from the policies' limits."""
    record: RecordSettings = RecordSettings()
    debug_headers: bool = False
    """Send every ``x-cascade-*`` header instead of the short list."""
    seed: int = 0
    tokens: Literal["estimate", "tiktoken"] = "estimate"
    """How the tokens of a request are counted: by script class, or with the tokenizer that LiteLLM counts with."""
    freeze_heap: bool = True
    """Keep what is loaded at start-up out of the garbage collector's way, which else stops all requests for some 0.4 s now and then."""
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
        sections: Mapping[str, type[BaseModel]] = {
            "classifier": ClassifierSettings,
            "feedback": FeedbackSettings,
            "record": RecordSettings,
        }
        section = sections.get(problem["loc"][0], Settings)
        return f"{where}: there is no such setting; the settings are {', '.join(sorted(section.model_fields))}"
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}{as_it_is(problem['loc'], problem['input'])}"
