"""`cascade classify`."""

import asyncio
import json
import os
from math import exp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from litellm_cascade.classifiers import Surroundings, build
from litellm_cascade.errors import ClassifierError
from litellm_cascade.offline import classify_files
from litellm_cascade.offline.classifying import PromptReader
from litellm_cascade.offline.cli import app
from litellm_cascade.testing.upstream import FakeUpstream, Reply
from litellm_cascade.vocabulary import Endpoint, Envelope, Request, Turn

PROMPTS = ["Write a haiku about rivers.", "Translate to French: hello", "What is 2 + 2?", "Zähle die Wörter: ein zwei"]
FIELDS = {"task_type", "task_probabilities", "complexity", "dimensions", "gain", "classifier", "ms"}
ANSWER = {
    "reasoning": "Because.",
    "task_type": "Rewrite",
    "domain": "writing",
    "complexity": 2,
    "creativity": 0.5,
    "estimated_tokens": 10,
    "prefers": "speed",
    "confidence": 0.9,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LITELLM_API_KEY", raising=False)
    return tmp_path


def run(*arguments, **options):
    return CliRunner().invoke(app, ["classify", *map(str, arguments)], **options)


def write(file, lines):
    file.write_bytes(b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines))
    return file


def read(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def linear(prompt):
    envelope = Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="")
    return asyncio.run(build("linear").classify(Request(envelope=envelope, turns=(Turn(role="user", text=prompt),))))


def without_times(rows):
    return [{name: value for name, value in row.items() if name != "ms"} for row in rows]


# --- one prompt --------------------------------------------------------------------------------------------------------------------


def test_one_prompt_is_what_the_classifier_makes_of_it():
    result = run(PROMPTS[0], "--json", "--classifier", "linear")
    belief, answer = linear(PROMPTS[0]), json.loads(result.stdout)
    assert (result.exit_code, answer["task_type"], answer["classifier"]) == (0, belief.task, "linear")
    assert answer["complexity"] == pytest.approx(belief.complexity, abs=1e-6)
    assert answer["task_probabilities"] == pytest.approx(belief.task_probabilities, abs=1e-6)
    assert set(answer) >= FIELDS
    assert answer["gain"] is None
    assert answer["ms"] > 0


def test_it_is_told_in_lines_for_people():
    lines = run(PROMPTS[0], "--classifier", "linear").stdout.splitlines()
    assert lines[0].startswith(f"task type   {linear(PROMPTS[0]).task}  (0.")
    assert any(line.startswith("complexity  0.") for line in lines)


def test_a_prompt_comes_from_standard_input():
    assert without_times([json.loads(run("-", "--json", input=PROMPTS[1] + "\n").stdout)]) == without_times(
        [json.loads(run(PROMPTS[1], "--json").stdout)]
    )


def test_any_classifier_takes_its_options():
    parts = ["--option", "first.name=linear", "--option", "within={Text Generation: {name: none}}", "--option", "else.name=linear"]
    result = run(PROMPTS[1], "--classifier", "hierarchical", *parts, "--json", "--debug")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["classifier"]) == (0, "hierarchical")
    assert list(answer["debug"]["model"]) == ["first", "within else"]
    assert answer["debug"]["classification"]["digest"]


@pytest.mark.parametrize("name", ["embedded", "linear"])
def test_debug_shows_the_logits_that_the_answer_was_read_from(name):
    answer = json.loads(run(PROMPTS[0], "--json", "--debug", "--classifier", name).stdout)
    logits = answer["debug"]["model"]["logits"]
    tasks = logits.get("task_type") or {task: logit for task, logit in logits.items() if task != "complexity"}
    odds = {task: exp(logit) for task, logit in tasks.items()}
    assert {task: odd / sum(odds.values()) for task, odd in odds.items()} == pytest.approx(answer["task_probabilities"], abs=1e-4)
    assert 1 / (1 + exp(-logits["complexity"])) == pytest.approx(answer["complexity"], abs=1e-5)


def test_debug_says_where_there_is_no_model():
    found = json.loads(run("Hi", "--json", "--debug", "--classifier", "none").stdout)["debug"]
    assert found["model"] == {"none": "there is no model behind the classifier 'none'"}


def test_debug_of_a_service_that_is_not_there_shows_the_work_of_who_answered():
    options = ["--option", "url=http://127.0.0.1:9", "--option", "fallback=linear", "--option", "timeout_ms=10000"]
    found = json.loads(run(PROMPTS[0], "--json", "--debug", "--classifier", "remote", *options).stdout)
    assert (found["classifier"], found["degraded"]) == ("linear", ["remote_unavailable"])
    assert set(found["debug"]["model"]["fallback"]["logits"]) == {*found["task_probabilities"], "complexity"}


def test_debug_shows_what_there_is_to_show():
    assert json.loads(run("Hi", "--json", "--debug", "--classifier", "linear").stdout)["debug"]["classification"]["device"] == "cpu"
    assert "debug" not in json.loads(run("Hi", "--json").stdout)
    assert '"took_ms"' in run("Hi", "--debug").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "say either a PROMPT, or --input FILE and --output FILE"),
        (("Hi", "--output", "x"), "say either a PROMPT, or --input FILE and --output FILE"),
        (("Hi", "--classifier", "oracle"), "there is no classifier 'oracle'; choose one of embedded, hierarchical"),
        (("Hi", "--option", "weights"), "'weights' is no NAME=VALUE"),
        (("Hi", "--option", "a=1", "--option", "a.b=2"), "'a.b=2': 'a' has a value already"),
        (("Hi", "--option", "a={"), "'a={': the value is no YAML"),
        (("--input", "nowhere.jsonl", "--output", "x"), "does not exist"),
    ],
)
def test_called_wrongly_it_says_how(folder, arguments, complaint):
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("Hi", "--classifier", "linear", "--option", "weight=x"), "classifier 'linear': options.weight: there is no such option"),
        (("Hi", "--classifier", "linear", "--option", "weights=x.npz"), "classifier 'linear': cannot read the weights at x.npz"),
        (
            ("Hi", "--classifier", "llm", "--option", "alias=judge"),
            "there is no proxy here to ask a model through; name one with --proxy URL",
        ),
    ],
)
def test_a_classifier_that_cannot_be_used_is_one_sentence(folder, arguments, complaint):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


# --- a model asked through a proxy -------------------------------------------------------------------------------------------------


@pytest.fixture
def upstream():
    with FakeUpstream() as server:
        yield server


def judged(upstream, *more, **options):
    return run("Hi", "--classifier", "llm", "--option", "alias=judge", "--proxy", upstream.url, *more, **options)


@pytest.mark.parametrize("suffix", ["", "/", "/v1"])
def test_a_model_is_asked_through_a_proxy_with_its_key(folder, upstream, monkeypatch, suffix):
    monkeypatch.setenv("LITELLM_API_KEY", "sk-mine")
    upstream.script("judge", Reply(json.dumps(ANSWER)))
    result = run("Hi", "--classifier", "llm", "--option", "alias=judge", "--proxy", upstream.url + suffix, "--json", "--debug")
    answer = json.loads(result.stdout)
    assert (answer["task_type"], answer["domain"], answer["complexity"]) == ("Rewrite", "writing", 0.25)
    assert answer["debug"]["model"]["reasoning"] == "Because."
    (seen,) = upstream.asked("judge")
    assert seen.headers["authorization"] == "Bearer sk-mine"
    assert "timeout" not in seen.body


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(status=401, error="no key"), "answered 401 for 'judge'; put its key into LITELLM_API_KEY"),
        (Reply(status=500, error="broken"), "answered 500 for 'judge'\n"),
        (Reply("no JSON"), "classifier 'llm': 'judge': the answer holds no JSON object"),
        (Reply(hang=True), "classifier 'llm': 'judge': no answer within 50 ms"),
    ],
)
def test_a_model_that_does_not_answer_well_is_one_sentence(folder, upstream, reply, complaint):
    upstream.script("judge", reply)
    result = judged(upstream, "--option", "timeout_ms=50" if reply.hang else "timeout_ms=5000")
    assert (result.exit_code, result.stdout) == (1, "")
    assert complaint in result.stderr


def test_a_proxy_that_does_not_run_is_one_sentence(folder):
    nobody = "http://127.0.0.1:1"
    result = run("Hi", "--classifier", "llm", "--option", "alias=judge", "--proxy", nobody)
    assert result.exit_code == 1
    assert "cannot be asked (ConnectError); is the proxy of --proxy running?" in result.stderr


# --- a file ------------------------------------------------------------------------------------------------------------------------


def test_each_line_is_classified_in_its_place_and_keeps_its_fields(folder):
    source = write(folder / "in.jsonl", [{"prompt": prompt, "id": f"p{number}"} for number, prompt in enumerate(PROMPTS)])
    result = run("--input", source, "--output", "out.jsonl", "--classifier", "linear", "--at-once", 3)
    assert (result.exit_code, result.stdout) == (0, "4 of 4 lines classified into out.jsonl\n")
    rows = read(folder / "out.jsonl")
    assert [(row["line"], row["id"], row["prompt"]) for row in rows] == [(n + 1, f"p{n}", prompt) for n, prompt in enumerate(PROMPTS)]
    assert [row["task_type"] for row in rows] == [linear(prompt).task for prompt in PROMPTS]
    assert all(set(row) >= FIELDS for row in rows)
    assert sorted(path.name for path in folder.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_bad_line_gets_one_sentence_and_nothing_is_lost(folder):
    bad = [b"{", b"", b"[1]", b"7", b'"x"', b"\xff", b'{"text": "x"}', b'{"prompt": null}', b'{"prompt": ["x"]}', b"[" * 50_000]
    source = write(folder / "in.jsonl", [{"prompt": PROMPTS[0]}, *bad, {"prompt": PROMPTS[1]}])
    result = run("--input", source, "--output", "out.jsonl")
    assert result.exit_code == 1
    assert result.stdout == "2 of 12 lines classified into out.jsonl\n"
    rows, told = read(folder / "out.jsonl"), result.stderr.splitlines()
    assert [row["line"] for row in rows] == list(range(1, 13))
    assert ["error" in row for row in rows] == [False, *[True] * 10, False]
    assert [line.removeprefix(f"{source}:").split(":")[0] for line in told] == [str(number) for number in range(2, 12)]
    assert told[0].endswith("in.jsonl:2: this is no JSON; write one object with a `prompt` on each line")
    assert told[2].endswith(":4: this is no JSON object but a list; write an object with a `prompt`")
    assert told[6].endswith(":8: there is no `prompt`")
    assert told[7].endswith(":9: the `prompt` is null; it must be text")


def test_names_of_the_input_that_we_would_overwrite_are_kept_beside_ours(folder):
    gold = {"prompt": PROMPTS[0], "task_type": "mine", "error": "mine too", "line": "seven"}
    run("--input", write(folder / "in.jsonl", [gold]), "--output", "out.jsonl", "--classifier", "linear")
    (row,) = read(folder / "out.jsonl")
    assert (row["input.task_type"], row["input.error"], row["input.line"], row["line"]) == ("mine", "mine too", "seven", 1)
    assert row["task_type"] == linear(PROMPTS[0]).task


def test_half_a_surrogate_pair_survives(folder):
    run("--input", write(folder / "in.jsonl", [b'{"prompt": "a \\ud800 b"}']), "--output", "out.jsonl")
    assert read(folder / "out.jsonl")[0]["prompt"] == "a \ud800 b"


def test_a_last_line_without_its_end_counts(folder):
    (folder / "in.jsonl").write_text('{"prompt": "a"}\n{"prompt": "b"}')
    assert run("--input", "in.jsonl", "--output", "out.jsonl").stdout.startswith("2 of 2 lines")


def test_on_a_terminal_there_is_a_bar(folder):
    write(folder / "in.jsonl", [{"prompt": "a"}, {"prompt": "b"}, {"text": "c"}])
    result = run("--input", "in.jsonl", "--output", "out.jsonl", env={"FORCE_COLOR": "1"})
    assert "3/3" in result.stderr
    assert "in.jsonl:3: there is no `prompt`" in result.stderr


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_what_is_written_is_json_whatever_was_read(folder, number):
    """Else the file that is written here is refused by those who read it next."""
    write(folder / "in.jsonl", [b'{"prompt": "a", "score": ' + number + b"}"])
    assert run("--input", "in.jsonl", "--output", "out.jsonl").exit_code == 1
    assert read(folder / "out.jsonl") == [{"line": 1, "error": "there is a number that JSON does not have, such as NaN; write null for it"}]


def test_an_empty_file_is_an_empty_file(folder):
    (folder / "in.jsonl").touch()
    assert run("--input", "in.jsonl", "--output", "out.jsonl").stdout.startswith("0 of 0 lines")
    assert (folder / "out.jsonl").read_bytes() == b""


@pytest.mark.parametrize(("target", "complaint"), [("in.jsonl", "is the input itself; name another"), ("no/out", "no folder no; make it")])
def test_an_output_that_cannot_be_is_said_before_anything_is_done(folder, target, complaint):
    before = write(folder / "in.jsonl", [{"prompt": "a"}]).read_bytes()
    result = run("--input", "in.jsonl", "--output", target)
    assert result.exit_code == 1
    assert complaint in result.stderr
    assert (folder / "in.jsonl").read_bytes() == before


@pytest.mark.parametrize("source", ["out.jsonl.part", "out.jsonl.part.json"])
def test_an_input_that_the_answers_would_be_kept_in_is_left_as_it_is(folder, source):
    before = write(folder / source, [{"prompt": "a"}]).read_bytes()
    result = run("--input", source, "--output", "out.jsonl")
    assert (result.exit_code, result.stderr.strip()) == (
        1,
        "--output out.jsonl would be written over the input on its way; name another file",
    )
    assert (folder / source).read_bytes() == before


def test_a_pipe_that_cannot_be_read_twice_is_refused(folder):
    os.mkfifo(folder / "pipe")
    result = run("--input", "pipe", "--output", "out.jsonl")
    assert (result.exit_code, result.stderr.strip()) == (1, "--input pipe is a pipe, which cannot be read twice; write it to a file first")
    assert not (folder / "out.jsonl").exists()


def test_a_file_does_not_take_the_place_of_a_pipe_or_a_device(folder):
    """As root it would be the end of /dev/null."""
    write(folder / "in.jsonl", [{"prompt": "a"}])
    os.mkfifo(folder / "pipe")
    result = run("--input", "in.jsonl", "--output", "pipe", "--classifier", "linear")
    assert (result.exit_code, result.stderr.strip()) == (
        1,
        "--output pipe is no file but a pipe or a device, and a file would take its place; name a file",
    )
    assert (folder / "pipe").is_fifo()
    assert sorted(path.name for path in folder.iterdir()) == ["in.jsonl", "pipe"]


def test_a_link_goes_on_leading_to_the_output(folder):
    write(folder / "in.jsonl", [{"prompt": "a"}])
    (folder / "elsewhere").mkdir()
    (folder / "link").symlink_to("elsewhere/out.jsonl")
    for _ in range(2):
        assert run("--input", "in.jsonl", "--output", "link", "--classifier", "linear").exit_code == 0
    assert (folder / "link").is_symlink()
    assert len(read(folder / "elsewhere/out.jsonl")) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["elsewhere", "in.jsonl", "link"]


def test_a_classifier_that_cannot_be_loaded_leaves_no_files(folder):
    write(folder / "in.jsonl", [{"prompt": "a"}])
    assert run("--input", "in.jsonl", "--output", "out.jsonl", "--classifier", "linear", "--option", "weights=x").exit_code == 1
    assert [path.name for path in folder.iterdir()] == ["in.jsonl"]


def test_a_prompt_that_its_classifier_fails_on_keeps_its_line(folder, upstream):
    upstream.script("judge", lambda seen: Reply(json.dumps(ANSWER) if "good" in seen.body["messages"][1]["content"] else "no"))
    write(folder / "in.jsonl", [{"prompt": "good"}, {"prompt": "bad", "id": 7}])
    asked = ["--classifier", "llm", "--option", "alias=judge", "--proxy", upstream.url]
    result = run("--input", "in.jsonl", "--output", "out.jsonl", *asked)
    good, bad = read(folder / "out.jsonl")
    assert result.exit_code == 1
    assert good["task_type"] == "Rewrite"
    assert (bad["id"], bad["error"]) == (7, "classifier 'llm': 'judge': the answer holds no JSON object")
    assert result.stderr == "in.jsonl:2: classifier 'llm': 'judge': the answer holds no JSON object\n"


# --- interrupted -------------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As SIGKILL, but the test lives on."""


class Counting:
    """A reader that counts what it reads, and is killed at a prompt."""

    def __init__(self, until=None):
        self.read, self._until = [], until

    async def read_all(self, prompts):
        if self._until in prompts:
            raise Killed
        self.read += prompts
        return [{"task_type": prompt.upper()} for prompt in prompts]


def whole_run(source, target, reader, at_once=1, asked=None):
    job = classify_files.prepare(source, target, asked or {"classifier": "x"})
    return classify_files.run(job, reader, at_once=at_once, complain=lambda _: None, advance=lambda _: None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(lines=st.integers(1, 9), killed_at=st.integers(0, 8), at_once=st.integers(1, 4), cut=st.integers(0, 5))
def test_a_killed_run_is_gone_on_with_and_ends_as_if_it_had_not_been(tmp_path_factory, lines, killed_at, at_once, cut):
    folder = tmp_path_factory.mktemp("run")
    source, target = write(folder / "in.jsonl", [{"prompt": f"p{number}"} for number in range(lines)]), folder / "out.jsonl"
    first, second = Counting(until=f"p{killed_at}"), Counting()
    try:
        whole_run(source, target, first, at_once)
    except Killed:
        assert not target.exists(), "it is there when it is complete"
        part = folder / "out.jsonl.part"
        with part.open("ab") as content:
            content.write(b'{"line": 99'[:cut])  # killed while it wrote
        whole_run(source, target, second, at_once)
        assert first.read + second.read == [f"p{number}" for number in range(lines)], "nothing twice, nothing left out"
    assert [(row["line"], row["task_type"]) for row in read(target)] == [(n + 1, f"P{n}") for n in range(lines)]
    assert sorted(path.name for path in folder.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("what", ["input", "classifier"])
def test_the_part_of_another_run_is_not_gone_on_with(folder, what):
    source, target = write(folder / "in.jsonl", [{"prompt": "a"}, {"prompt": "b"}]), folder / "out.jsonl"
    with pytest.raises(Killed):
        whole_run(source, target, Counting(until="b"))
    if what == "input":
        write(source, [{"prompt": "c"}, {"prompt": "b"}])
    reader = Counting()
    whole_run(source, target, reader, asked={"classifier": "y"} if what == "classifier" else None)
    assert len(reader.read) == 2


def test_the_command_says_where_it_goes_on(folder):
    source = write(folder / "in.jsonl", [{"prompt": prompt} for prompt in PROMPTS])
    run("--input", source, "--output", "whole.jsonl", "--classifier", "linear")
    whole = (folder / "whole.jsonl").read_bytes().splitlines(keepends=True)
    reader = PromptReader("linear", {}, Surroundings(), within_s=60)
    asyncio.run(reader.warm_up())
    asked = {"classifier": "linear", "options": {}, "debug": False, "digest": reader.classifier.digest}
    job = classify_files.prepare(source, folder / "out.jsonl", asked)
    with job.writing:
        job.writing.writelines(whole[:3])
    result = run("--input", source, "--output", "out.jsonl", "--classifier", "linear")
    assert result.stderr == "going on after line 3, where an earlier run of this stopped\n"
    assert without_times(read(folder / "out.jsonl")) == without_times(read(folder / "whole.jsonl"))


def test_two_runs_do_not_write_into_one_file(folder):
    """A job that is started while the one before it is still at work."""
    source = write(folder / "in.jsonl", [{"prompt": "a"}])
    first = classify_files.prepare(source, folder / "out.jsonl", {"classifier": "x"})
    second = run("--input", source, "--output", "out.jsonl", "--classifier", "linear")
    assert (second.exit_code, second.stderr.strip()) == (
        1,
        "out.jsonl.part is being written by another run; wait until it has ended, or name another --output",
    )
    classify_files.run(first, Counting(), at_once=1, complain=lambda _: None, advance=lambda _: None)
    assert [row["task_type"] for row in read(folder / "out.jsonl")] == ["A"]
    assert run("--input", source, "--output", "out.jsonl", "--classifier", "linear").exit_code == 0


# --- the reader --------------------------------------------------------------------------------------------------------------------


async def test_an_error_of_somebody_elses_is_told_by_its_class_alone():
    async def ask(alias, messages, parameters):
        raise ValueError(messages[1]["content"])

    reader = PromptReader("llm", {"alias": "judge"}, Surroundings(ask=ask), within_s=5)
    with pytest.raises(ClassifierError, match=r"^classifier 'llm': it failed with ValueError$"):
        await reader.read("secret")


async def test_an_answer_is_not_waited_for_for_ever():
    async def ask(alias, messages, parameters):
        await asyncio.Event().wait()

    reader = PromptReader("llm", {"alias": "judge"}, Surroundings(ask=ask), within_s=0.01)
    with pytest.raises(ClassifierError, match=r"^classifier 'llm': no answer within 0.01 s$"):
        await reader.read("Hi")
