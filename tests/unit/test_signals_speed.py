"""All signals of a chat of 2,000 tokens may cost a millisecond. Run with --benchmark-only."""

from litellm_cascade.signals import read_signals
from litellm_cascade.vocabulary import Attachment, Endpoint, Envelope, Hints, Request, Turn

BUDGET_SECONDS = 1e-3
PARAGRAPH = "The committee met on Tuesday to discuss how the new bridge would change traffic in the old town, and why it costs so much. "
CHAT = Request(
    envelope=Envelope(request_id="r", endpoint=Endpoint.CHAT, requested_model="auto", policy="default"),
    turns=(
        Turn(role="system", text="You are terse."),
        Turn(role="user", text=PARAGRAPH * 22, attachments=(Attachment(modality="image", mime_type="image/png"),)),
        Turn(role="assistant", text=PARAGRAPH * 22),
        Turn(role="user", text=PARAGRAPH * 22),
    ),
    hints=Hints(quality="high", urgency="low", latency_budget_ms=800.0),
)


def test_a_chat_of_2000_tokens_is_read_in_a_millisecond(benchmark):
    signals = benchmark(read_signals, CHAT)
    assert 1_900 <= signals.input_tokens <= 2_300
    assert benchmark.stats.stats.median <= BUDGET_SECONDS
