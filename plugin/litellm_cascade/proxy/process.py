"""The one runtime of this process, shared by what LiteLLM loads separately: the callback and the provider."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import litellm
from litellm._logging import verbose_proxy_logger
from litellm.proxy import proxy_server

from litellm_cascade.audit import request_metrics
from litellm_cascade.audit.later import Later
from litellm_cascade.audit.ledger import Ledger
from litellm_cascade.audit.ledger.options import INPUT_HASH, subkey
from litellm_cascade.audit.metrics import BATCH_SIZE
from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.classifiers.base import Classifier
from litellm_cascade.classifiers.memory import Remembering
from litellm_cascade.errors import ClassifierError, StartupError
from litellm_cascade.policy import Policy
from litellm_cascade.proxy import heap
from litellm_cascade.proxy.admin import admin_routes
from litellm_cascade.proxy.asking import ask
from litellm_cascade.proxy.classifier_checks import check_classifier
from litellm_cascade.proxy.ending import when_the_proxy_ends
from litellm_cascade.proxy.exposition import is_measured, serve_metrics
from litellm_cascade.proxy.feedback import FeedbackDesk, feedback_routes
from litellm_cascade.proxy.finalizers import leave_context_alone
from litellm_cascade.proxy.models import PROVIDER, Deployments, deployments_of
from litellm_cascade.proxy.record import facts_of, prepare_database, record_options
from litellm_cascade.proxy.runtime import Runtime, behind_its_guard
from litellm_cascade.proxy.settings import Settings, policy_path, read_settings
from litellm_cascade.proxy.shelf import Shelf
from litellm_cascade.proxy.startup import check_configuration, policy_findings
from litellm_cascade.proxy.table import DeploymentTable
from litellm_cascade.proxy.tokenizer import COUNTERS
from litellm_cascade.signals import read_signals

Loaded = TypeVar("Loaded")
TOLD_WITHIN_S, RECORD_ENDS_WITHIN_S, SPANS_END_WITHIN_S = 1.0, 6.0, 2.0
"""Together less than containers are given before they are killed (10); the record takes at most 5."""
_runtime: Runtime | None = None
_classifier: Remembering | None = None
"""Where LiteLLM's own router asks our classifier, and nothing else of ours runs in this process."""


def start(loaded: type[Loaded]) -> Loaded:
    """An instance for LiteLLM, once the configuration has been found fit to run with."""
    runtime()
    return loaded()


def runtime() -> Runtime:
    """The process's runtime. The first call checks the configuration, and raises StartupError when going on would be unsafe."""
    global _runtime  # noqa: PLW0603 - one per process
    if _runtime is None:
        _runtime = _started()
    return _runtime


def shared_classifier() -> Remembering:
    """The runtime's classifier where there is one; else one by itself, loaded by the first call, which raises what start-up raises."""
    global _classifier  # noqa: PLW0603 - one per process
    if _runtime is not None:
        return _runtime.classifier
    if _classifier is None:
        settings = _settings()
        classifier = classifier_for(settings, proxy_server.user_config_file_path)
        check_classifier(classifier, settings.classifier.within_ms, _deployments())
        alone = behind_its_guard(classifier, settings.classifier)
        warm_up(alone)
        _classifier = alone
    return _classifier


def tiers() -> Mapping[str, float]:
    """The least complexity of each tier of LiteLLM's own router."""
    return _settings().tiers


def _settings() -> Settings:
    return read_settings((litellm.callback_settings or {}).get(PROVIDER))


def _started() -> Runtime:
    leave_context_alone()
    settings = _settings()
    config_file = proxy_server.user_config_file_path
    shelf = Shelf(lambda name: policy_path(settings, config_file, name), _objections, lambda: DeploymentTable(_deployments()))
    config = proxy_server.proxy_config.config
    record = record_options(settings.record, config_file, general=config.get("general_settings"))
    ledger = Ledger(record, facts_of(shelf.digests)) if record is not None else None
    salt = subkey(record.key, INPUT_HASH) if record is not None and record.key is not None else None
    measured = is_measured(config, settings.metrics_port, os.environ)
    classifier = classifier_for(settings, config_file)
    later = Later(0.0) if record is not None and record.fsync_ms == 0 else Later()  # nor is a line to wait for others
    started = Runtime(settings, shelf, classifier, ledger, salt, request_metrics if measured else None, later)
    check_configuration(config, config_file, shelf.policy)
    check_classifier(classifier, settings.classifier.within_ms, _deployments())
    warm_up(started.classifier)
    if record is not None:
        prepare_database(record, verbose_proxy_logger.warning)
    when_the_proxy_ends(later.finish, within_s=TOLD_WITHIN_S)  # in this order: it is what the others wait for
    if ledger is not None:
        when_the_proxy_ends(ledger.close, within_s=RECORD_ENDS_WITHIN_S)
    when_the_proxy_ends(started.tracing.flush, within_s=SPANS_END_WITHIN_S)
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port)
    proxy_server.app.include_router(admin_routes(shelf))
    if settings.feedback.remember:
        desk = FeedbackDesk(started.answers, started.tracing, ledger.feedback if ledger is not None else None)
        proxy_server.app.include_router(feedback_routes(desk))
    if settings.freeze_heap:
        heap.settle()
    return started


def classifier_for(settings: Settings, config_file: str | None) -> Classifier:
    """The classifier that the settings name, not yet loaded."""
    folder = Path(config_file).resolve().parent if config_file else Path.cwd()
    perceive = partial(read_signals, count_tokens=COUNTERS[settings.tokens])
    with _as_startup_problems():
        around = Surroundings(folder=folder, ask=ask, perceive=perceive, on_batch=BATCH_SIZE.observe)
        return build(settings.classifier.name, settings.classifier.options, around)


@contextmanager
def _as_startup_problems() -> Iterator[None]:
    """A classifier that cannot be had is a problem of the configuration, said like all others."""
    try:
        yield
    except ClassifierError as error:
        raise StartupError([f"cascade: callback_settings.cascade.{sentence}" for sentence in str(error).splitlines()]) from None


def _objections(policy: Policy) -> Sequence[str]:
    """What speaks against a changed policy in front of the deployments LiteLLM has now."""
    return policy_findings(policy.name, policy, proxy_server.proxy_config.config, _deployments()).problems


def _deployments() -> Deployments:
    """LiteLLM's, as its router has them; before there is a router, as they are configured."""
    router, config = proxy_server.llm_router, proxy_server.proxy_config.config
    return deployments_of(config, router.model_list if router is not None else config.get("model_list"))


def warm_up(classifier: Remembering) -> None:
    """Load the classifier before the proxy says that it is ready. In a thread, because LiteLLM's loop is running around us."""
    with _as_startup_problems(), ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, classifier.warm_up()).result()
