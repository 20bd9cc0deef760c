"""What commands that read prompts have in common on the command line."""

from __future__ import annotations

import sys

import typer

from litellm_cascade.classifiers import registry

CLASSIFIERS = ", ".join(sorted(registry))


def known_classifier(name: str) -> str:
    """The name, if there is such a classifier. Ends the command where there is none."""
    if name not in registry:
        raise typer.BadParameter(f"there is no classifier {name!r}; choose one of {CLASSIFIERS}", param_hint="--classifier")
    return name


def prompt_text(prompt: str) -> str:
    """The argument PROMPT; for ``-`` standard input without the line break that ends it."""
    if prompt != "-":
        return prompt
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")
