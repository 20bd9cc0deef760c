"""Files that are no policy: what is said about them, and where."""

from __future__ import annotations

import pytest

from litellm_cascade.errors import PolicyError
from litellm_cascade.policy import load_policy, parse_policy

SMALLEST = """version: 1
name: smallest
models: {only: {tier: budget}}
routes: [{name: everything, send: only}]
"""
NEVER_ABOVE = "accept_at is compared with a log-probability in nats, which is never above 0; write e.g. -0.35"


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, name="p.yaml")
    return list(caught.value.problems)


def file_problems(path, content: bytes) -> list[str]:
    path.write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


def test_the_smallest_policy_loads_from_a_file(tmp_path):
    path = tmp_path / "smallest.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())

    assert load_policy(path).name == load_policy(str(path)).name == "smallest"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "no.yaml")

    assert str(caught.value) == f"{tmp_path}/no.yaml:1:1: $: cannot be read (no such file or directory); check the path and its permissions"


def test_a_folder_is_no_policy(tmp_path):
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path)

    assert str(caught.value) == f"{tmp_path}:1:1: $: cannot be read (is a directory); check the path and its permissions"


def test_a_large_file_is_refused(tmp_path):
    text = SMALLEST + "#" * 1024 * 1024

    assert file_problems(tmp_path / "p.yaml", text.encode()) == [
        ":1:1: $: is larger than 1024 KiB; a policy is a short text, check the path"
    ]


def test_a_file_of_exactly_one_mebibyte_is_read(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(SMALLEST + "#" * (1024 * 1024 - len(SMALLEST)))

    assert load_policy(path).name == "smallest"


@pytest.mark.parametrize("content", [b"version: 1\nname: caf\xe9\n", b"version: 1\n\x89PNG\r\n\x1a\n\xff"])
def test_what_is_not_utf8_is_refused_with_its_line(tmp_path, content):
    assert file_problems(tmp_path / "p.yaml", content) == [":2:1: $: is not UTF-8 text; save the file as UTF-8"]


@pytest.mark.parametrize("text", ["version: 1\nname: \x00", "version: 1\nname: \x07"])
def test_control_characters_are_refused_with_their_line(text):
    assert problems(text) == ["p.yaml:2:1: $: a character here is not text (NUL or another control character); remove it"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: $: is empty; see docs/policies.md for the smallest policy"),
        ("# only a comment\n", "1:1: $: is empty; see docs/policies.md for the smallest policy"),
        ("hello", "1:1: $: must be a mapping (key: value), not text"),
        ("- a\n- b\n", "1:1: $: must be a mapping (key: value), not a list"),
        ("3", "1:1: $: must be a mapping (key: value), not a number"),
        ("version: 1\n\tname: x", "2:1: $: a tab indents this line; YAML allows only spaces"),
        ('name: "x', "1:9: $: a quote is not closed; close it on its line"),
        ("routes: [1,", "1:12: $: the file ends inside a bracket; close it"),
        ("routes: [1\nname: x", "2:5: $: a bracket is not closed, or a comma is missing"),
        ("routes: {a: 1, b", "1:17: $: a bracket is not closed, or a comma is missing"),
        ("version: 1\n name: x", "2:6: $: a ':' where no key can be; correct the indentation, or put the whole value in single quotes"),
        ("name: a: b", "1:8: $: a ':' where no key can be; correct the indentation, or put the whole value in single quotes"),
        ("routes:\n  - a\n - b", "3:2: $: the indentation does not fit the lines above; align it with them"),
        ("routes:\n    a: 1\n  b: 2", "3:3: $: the indentation does not fit the lines above; align it with them"),
        ("models: {}\nname", "2:5: $: a key without ':'; write key: value"),
        (
            'when: "image" in signals.modalities',
            "1:15: $: text goes on after a closing quote; put the whole value in single quotes: '\"image\" in signals.modalities'",
        ),
        ("a: 1\n---\nb: 2", "2:1: $: a second document starts here; a file holds one, remove the '---'"),
        ("a: *b", "1:4: $: an alias without its anchor; write the value out"),
        ("a: &b 1\nc: &b 2", "2:4: $: an anchor is defined twice; write the values out"),
        ("a: @b", "1:4: $: text cannot start with this character; put the value in quotes"),
        ("a: `b`", "1:4: $: text cannot start with this character; put the value in quotes"),
        ("%YAML 9.9\n---\na: 1", "1:1: $: is not valid YAML (found incompatible YAML document (version 1.* is required))"),
    ],
)
def test_what_is_not_yaml_is_one_problem(text, problem):
    assert problems(text) == [f"p.yaml:{problem}"]


def test_a_key_twice_is_a_problem_among_others():
    assert problems(SMALLEST.replace("name: smallest", "name: 3\nname: smallest")) == [
        "p.yaml:3:1: $.name: is here twice, first on line 2; keep one",
    ]
    assert problems(SMALLEST + "name: 3\n") == [
        "p.yaml:5:1: $.name: is here twice, first on line 2; keep one",
        "p.yaml:5:7: $.name: must be text, not a number",
    ]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!binary", "!!timestamp", "!condition", "!!int"])
def test_tags_construct_nothing(tag):
    assert problems(SMALLEST.replace("smallest", f"{tag} 'x'")) == [
        f"p.yaml:2:7: $.name: the YAML tag {tag!r} is not allowed; remove it, or put the value in quotes"
    ]


def test_tags_on_structures_construct_nothing_either():
    assert problems(SMALLEST.replace("[{", "!!set [{"))[0] == (
        "p.yaml:4:9: $.routes: the YAML tag '!!set' is not allowed; remove it, or put the value in quotes"
    )


def test_keys_are_text():
    text = SMALLEST.replace("only:", "4: {tier: budget}, null: {tier: budget}, [a]: {tier: budget}, only:")

    assert problems(text) == [
        'p.yaml:3:10: $.models["4"]: is no text; put this key in quotes',
        "p.yaml:3:29: $.models.null: is no text; put this key in quotes",
        'p.yaml:3:51: $.models["[a]"]: is no text; put this key in quotes',
    ]


def test_numbers_are_short():
    assert (
        problems(SMALLEST.replace("smallest", "9" * 5000))[0] == "p.yaml:2:7: $.name: is a number with too many digits; write a smaller one"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [("1", 1), ("+1", 1), ("010", 10), ("0o10", 8), ("0x1f", 31), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("9", 9.0)],
)
def test_numbers_are_read_as_yaml_1_2_reads_them(written, read):
    policy = parse_policy(SMALLEST.replace("tier: budget", f"tier: budget, latency_ms: {written}"))

    assert policy.document.models["only"].latency_ms == read


@pytest.mark.parametrize("word", ["off", "no", "yes", "on", "2024-01-01", "1:30", "1_000", "='", "<<"])
def test_words_that_yaml_1_1_converts_stay_words(word):
    assert parse_policy(SMALLEST.replace("smallest", word)).name == word


@pytest.mark.parametrize("word", ["true", "null", "~", "1", "0x1", ".inf", ".nan", "-1.5e3"])
def test_what_yaml_1_2_converts_is_no_name(word):
    assert problems(SMALLEST.replace("smallest", word))[0].startswith("p.yaml:2:7: $.name: must be text, not ")


def test_anchors_may_save_typing():
    text = SMALLEST.replace("{only: {tier: budget}}", "{only: &card {tier: budget}, other: *card}")

    assert parse_policy(text).document.models["other"].tier == "budget"


TOO_MUCH = "more than 20000 values or 24 levels, aliases followed; a policy is a short text, write it flat"
TOO_DEEP = "too deeply nested, or too many values; a policy is a short text, write it flat"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{now}: &{now} [{','.join([f'*{before}'] * 9)}]\n" for before, now in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, f"1:4: $: {TOO_MUCH}"),
        ("a: &a [*a]", f"1:4: $: {TOO_MUCH}"),
        ("a: &a {b: *a}", f"1:4: $: {TOO_MUCH}"),
        ("[" * 5000, f"1:25: $: {TOO_DEEP}"),
        ("- x\n" * 50_000, f"40000:3: $: {TOO_DEEP}"),
    ],
)
def test_no_file_exhausts_its_reader(text, problem):
    assert problems(text) == [f"p.yaml:{problem}"]


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file():
    text = """version: 2
nmae: x
models:
  small: {tier: cheap}
routes:
  - name: a
    when: tools > 3
    send: smal
  - name: a
    when: signals.tools
    cascade: [small, large]
    gate: careful
gates:
  carful: {accept_at: 0.7, accept: 1}
"""

    assert problems(text) == [
        "p.yaml:1:1: $.name: is missing; add it",
        "p.yaml:1:10: $.version: is 2; write 1",
        "p.yaml:2:1: $.nmae: unknown key; did you mean 'name'?",
        "p.yaml:4:17: $.models.small.tier: is 'cheap'; write 'budget', 'standard' or 'premium'",
        "p.yaml:7:11: $.routes[0].when: unknown name 'tools'; did you mean 'signals.tools'?",
        "p.yaml:8:11: $.routes[0].send: no alias 'smal' in models; did you mean 'small'?",
        "p.yaml:9:5: $.routes[1]: the last route has a condition, so some requests match none; add a route without `when` after it",
        "p.yaml:9:11: $.routes[1].name: 'a' names routes[0] too; give each route its own name",
        "p.yaml:10:11: $.routes[1].when: `signals.tools` is a whole number, not true or false; compare it, e.g. with > or ==",
        "p.yaml:11:22: $.routes[1].cascade[1]: no alias 'large' in models; known are small",
        "p.yaml:12:11: $.routes[1].gate: no gate 'careful' in gates; did you mean 'carful'?",
        f"p.yaml:14:23: $.gates.carful.accept_at: {NEVER_ABOVE}",
        "p.yaml:14:28: $.gates.carful.accept: unknown key; did you mean 'accept_at'?",
    ]


def test_the_error_prints_a_problem_a_line():
    with pytest.raises(PolicyError) as caught:
        parse_policy("version: 1\nname: x\n")

    assert str(caught.value) == "<policy>:1:1: $.models: is missing; add it\n<policy>:1:1: $.routes: is missing; add it"
