"""How a client speaks on each of the four endpoints: a prompt in, what was heard out."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

import httpx
import pytest

TOOL = {"name": "weather", "description": "Weather of a city", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@dataclass
class Heard:
    """An answer as the client got it. ``raw`` is everything, for what must not be in it."""

    status: int
    headers: dict
    raw: str
    texts: list = field(default_factory=lambda: [""])
    tools: list = field(default_factory=list)
    logprobs: int = 0
    usage: tuple = ()

    @property
    def text(self):
        return self.texts[0]

    def cascade(self, name):
        return self.headers.get(f"x-cascade-{name}")


class Dialect:
    """Subclasses say where things are in their JSON."""

    path = ""
    extra = MappingProxyType({})

    def body(self, prompt, *, stream=False, with_tool=False, n=1, logprobs=False, **more):
        body = {"model": "auto", **self.asking(prompt), **self.extra, **more}
        if stream:
            body["stream"] = True
        if with_tool:
            body["tools"] = [self.tool()]
        if n > 1:
            body["n"] = n
        return body | (self.asking_logprobs() if logprobs else {})

    def ask(self, client, prompt, *, stream=False, headers=None, **options):
        with client.stream("POST", self.path, json=self.body(prompt, stream=stream, **options), headers=headers) as response:
            raw = "".join(until_closed(response.iter_text()))
        heard = Heard(response.status_code, dict(response.headers), raw)
        if response.is_success:
            for event in events(raw) if stream else [json.loads(raw)]:
                (self.hear_event if stream else self.hear_whole)(event, heard)
        return heard

    def asking_logprobs(self):
        return {"logprobs": True, "top_logprobs": 1}


class Chat(Dialect):
    path = "/v1/chat/completions"

    def asking(self, prompt):
        return {"messages": [{"role": "user", "content": prompt}]}

    def tool(self):
        return {"type": "function", "function": {"name": TOOL["name"], "description": TOOL["description"], "parameters": TOOL["schema"]}}

    def hear_whole(self, answer, heard):
        heard.texts = [choice["message"].get("content") or "" for choice in answer["choices"]]
        heard.tools = [call["function"]["name"] for choice in answer["choices"] for call in choice["message"].get("tool_calls") or ()]
        heard.logprobs = sum(len((choice.get("logprobs") or {}).get("content") or ()) for choice in answer["choices"])
        heard.usage = (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])

    def hear_event(self, event, heard):
        for choice in event.get("choices", ()):  # an error that ends a stream has none
            while len(heard.texts) <= choice["index"]:
                heard.texts.append("")
            heard.texts[choice["index"]] += choice["delta"].get("content") or ""
            calls = choice["delta"].get("tool_calls") or ()
            heard.tools += [call["function"]["name"] for call in calls if call.get("function", {}).get("name")]
            heard.logprobs += len((choice.get("logprobs") or {}).get("content") or ())
        if event.get("usage"):
            heard.usage = (event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"])


class Completions(Dialect):
    path = "/v1/completions"

    def asking(self, prompt):
        return {"prompt": prompt}

    def asking_logprobs(self):
        return {"logprobs": 1}

    def hear_whole(self, answer, heard):
        heard.texts = [choice["text"] for choice in answer["choices"]]
        heard.logprobs = sum(len((choice.get("logprobs") or {}).get("tokens") or ()) for choice in answer["choices"])
        heard.usage = (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])

    def hear_event(self, event, heard):
        for choice in event.get("choices", ()):  # an error that ends a stream has none
            while len(heard.texts) <= choice["index"]:
                heard.texts.append("")
            heard.texts[choice["index"]] += choice.get("text") or ""
            heard.logprobs += len((choice.get("logprobs") or {}).get("tokens") or ())


class Messages(Dialect):
    path = "/v1/messages"
    extra = MappingProxyType({"max_tokens": 100})

    def asking(self, prompt):
        return {"messages": [{"role": "user", "content": prompt}]}

    def tool(self):
        return {"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["schema"]}

    def hear_whole(self, answer, heard):
        heard.texts = ["".join(block["text"] for block in answer["content"] if block["type"] == "text")]
        heard.tools = [block["name"] for block in answer["content"] if block["type"] == "tool_use"]
        heard.usage = (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"])

    def hear_event(self, event, heard):
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta":
            heard.texts[0] += event["delta"]["text"]
        if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            heard.tools.append(event["content_block"]["name"])
        if event["type"] == "message_delta":
            heard.usage = (event["usage"].get("input_tokens"), event["usage"]["output_tokens"])


class Responses(Dialect):
    path = "/v1/responses"

    def asking(self, prompt):
        return {"input": prompt}

    def tool(self):
        return {"type": "function", "name": TOOL["name"], "description": TOOL["description"], "parameters": TOOL["schema"]}

    def hear_whole(self, answer, heard):
        parts = [part for item in answer["output"] if item["type"] == "message" for part in item["content"]]
        heard.texts = ["".join(part["text"] for part in parts)]
        heard.tools = [item["name"] for item in answer["output"] if item["type"] == "function_call"]
        heard.usage = (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"])

    def hear_event(self, event, heard):
        if event["type"] == "response.output_text.delta":
            heard.texts[0] += event["delta"]
        if event["type"] == "response.completed":
            usage, heard.tools = (
                event["response"]["usage"],
                [i["name"] for i in event["response"]["output"] if i["type"] == "function_call"],
            )
            heard.usage = (usage["input_tokens"], usage["output_tokens"])


DIALECTS = {"chat": Chat(), "completions": Completions(), "messages": Messages(), "responses": Responses()}

ALL = tuple(DIALECTS)


def every(*dialects, but=()):
    """Parametrise over these endpoints, whole and streamed, except for the ids in ``but``."""
    modes = {f"{name}-{mode}": (DIALECTS[name], mode == "stream") for name in dialects for mode in ("whole", "stream")}
    return pytest.mark.parametrize(("dialect", "stream"), [pytest.param(*pair, id=name) for name, pair in modes.items() if name not in but])


def until_closed(parts):
    """LiteLLM closes the connection when a guardrail stops a stream: what came before is what was heard."""
    with suppress(httpx.RemoteProtocolError):
        yield from parts


def events(raw):
    """The JSON of a server-sent stream's data lines."""
    lines = [line.removeprefix("data:").strip() for line in raw.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
