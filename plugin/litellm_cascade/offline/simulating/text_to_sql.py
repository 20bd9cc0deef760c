"""Synthetic text-to-SQL prompts in three bands, filled at random from templates: ours, and those of a file for another business."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.simulated.difficulty import Difficulty

BANDS: Final[tuple[Difficulty, ...]] = ("simple", "medium", "complex")
PER_BAND: Final = 30
TRIES: Final = 50
"""For a prompt that there is not yet; then the templates are taken to be used up, and one comes twice."""
_SHIPPED: Final = Path(__file__).with_name("text_to_sql.yaml")
_PLACE: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlPrompt:
    """A prompt, how hard it is by construction, and the template that it was made from."""

    text: str
    band: Difficulty
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """By band, and what their places may be filled with."""

    bands: Mapping[Difficulty, Sequence[str]]
    lists: Mapping[str, Sequence[str]]


def shipped_templates() -> Templates:
    """Of a credit business."""
    return read_templates(_SHIPPED)


def read_templates(path: Path) -> Templates:
    """Templates of a YAML file: ``bands`` with simple, medium and complex, and ``lists``. Raises ConfigurationError."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError([f"{path}: cannot be read as YAML ({type(error).__name__}); check the path"]) from None
    problems = _problems(written)
    if problems:
        raise ConfigurationError([f"{path}: {problem}" for problem in problems])
    lists = {name: tuple(map(str, values)) for name, values in (written.get("lists") or {}).items()}
    return Templates(bands={band: tuple(written["bands"].get(band) or ()) for band in BANDS}, lists=lists)


def joined(first: Templates, second: Templates) -> Templates:
    """Both; where both have a list of one name, the second's counts."""
    return Templates(bands={band: (*first.bands[band], *second.bands[band]) for band in BANDS}, lists={**first.lists, **second.lists})


def sql_prompts(templates: Templates, *, per_band: int = PER_BAND, seed: int = 0) -> list[SqlPrompt]:
    """So many of each band, its templates in turn. The same seed gives the same prompts."""
    return [prompt for band in BANDS for prompt in _of_band(band, templates, per_band, Random(f"{seed}:{band}"))]


def _of_band(band: Difficulty, templates: Templates, count: int, random: Random) -> list[SqlPrompt]:
    made: dict[str, SqlPrompt] = {}
    repeated: list[SqlPrompt] = []
    wordings = templates.bands[band]
    for number in range(count):
        template = wordings[number % len(wordings)]
        texts = (_filled(template, templates.lists, random) for _ in range(TRIES))
        text = next((text for text in texts if text not in made), None)
        prompt = SqlPrompt(text=text or _filled(template, templates.lists, random), band=band, template=template)
        if text is None:
            repeated.append(prompt)
        else:
            made[text] = prompt
    return [*made.values(), *repeated]


def _filled(template: str, lists: Mapping[str, Sequence[str]], random: Random) -> str:
    return _PLACE.sub(lambda place: random.choice(lists[place[1]]), template)


def _problems(written: Any) -> list[str]:
    if not isinstance(written, dict) or not isinstance(written.get("bands"), dict):
        return ["has no `bands`; write `bands: {simple: [...], medium: [...], complex: [...]}`"]
    lists, bands = written.get("lists") or {}, written["bands"]
    if not isinstance(lists, dict) or not all(isinstance(values, list) and values for values in lists.values()):
        return ["`lists` must be lists with at least one entry, by name"]
    unknown = [f"`bands` has no band {name!r}; there are {', '.join(BANDS)}" for name in bands if name not in BANDS]
    shapes = [f"`bands.{name}` must be a list of texts" for name, said in bands.items() if not _texts(said)]
    places = {place for said in bands.values() if _texts(said) for text in said for place in _PLACE.findall(text)}
    own = {*lists, *_shipped_lists()}
    return unknown + shapes + [f"a template has the place {{{name}}}, and there is no such list" for name in sorted(places - own)]


def _texts(said: Any) -> bool:
    return isinstance(said, list) and all(isinstance(text, str) for text in said)


def _shipped_lists() -> Mapping[str, Any]:
    written: dict[str, Any] = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    return dict(written["lists"])
