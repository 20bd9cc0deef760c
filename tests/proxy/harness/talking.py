"""Conversations of several turns, as clients of three endpoints write them down."""

import json


class Talk:
    """What was said so far, in one dialect: ``messages`` or ``input`` of the next request."""

    def __init__(self, dialect, first):
        self.dialect, self.turns = dialect, []
        self.said(first)

    @property
    def key(self):
        return "input" if self.dialect == "responses" else "messages"

    def said(self, text):
        """The user says something."""
        self.turns.append({"role": "user", "content": text})
        return self

    def heard(self, text):
        """The model answers in words."""
        self.turns.append({"role": "assistant", "content": text})
        return self

    def called(self, call, name="weather", arguments=None):
        """The model calls a tool, and its result is there."""
        arguments = arguments or {"city": "Bern"}
        written = json.dumps(arguments)
        if self.dialect == "chat":
            function = {"name": name, "arguments": written}
            self.turns += [
                {"role": "assistant", "content": None, "tool_calls": [{"id": call, "type": "function", "function": function}]},
                {"role": "tool", "tool_call_id": call, "content": "sunny"},
            ]
        elif self.dialect == "messages":
            self.turns += [
                {"role": "assistant", "content": [{"type": "tool_use", "id": call, "name": name, "input": arguments}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": "sunny"}]},
            ]
        else:
            self.turns += [
                {"type": "function_call", "call_id": call, "name": name, "arguments": written},
                {"type": "function_call_output", "call_id": call, "output": "sunny"},
            ]
        return self

    def thought(self, text, signature):
        """The model answers after thinking, with a proof of its thoughts."""
        if self.dialect == "responses":
            thought = {"type": "reasoning", "id": f"rs_{signature}", "summary": [], "encrypted_content": signature}
            self.turns += [thought, {"role": "assistant", "content": text}]
            return self
        block = {"type": "thinking", "thinking": f"thinking of {text}", "signature": signature}
        content = [block, {"type": "text", "text": text}] if self.dialect == "messages" else text
        beside = {"thinking_blocks": [block], "reasoning_content": f"thinking of {text}"} if self.dialect == "chat" else {}
        self.turns.append({"role": "assistant", "content": content, **beside})
        return self

    @property
    def body(self):
        return {self.key: self.turns}
