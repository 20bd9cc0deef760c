"""The requests under way are bounded, and found by nothing but their token."""

from litellm_cascade.audit import RequestTrace, Tracing
from litellm_cascade.journey import Journey
from litellm_cascade.proxy.journeys import ENDED_SECONDS, LONGEST_SECONDS, MOST, TOKEN, Journeys, Underway, metadata_of
from litellm_cascade.vocabulary import Endpoint, Envelope, Reason

ENVELOPE = Envelope(request_id="1", endpoint=Endpoint.CHAT, requested_model="auto", policy="p")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def underway(since=0.0):
    return Underway(Journey(RequestTrace(Tracing({}).tracer, None, ENVELOPE)), wants_logprobs=False, since=since)


def test_a_request_is_found_by_its_token_wherever_its_metadata_stands():
    journeys = Journeys(Clock())
    data, added = {"litellm_metadata": {}, "metadata": {"of": "the client"}}, underway()
    journeys.add(data, added)
    assert TOKEN not in data["metadata"]
    assert journeys.find({"litellm_metadata": data["litellm_metadata"]}) is added
    assert journeys.find({"metadata": {TOKEN: data["litellm_metadata"][TOKEN]}}) is added
    assert journeys.find({"metadata": {TOKEN: "another"}}) is None
    assert journeys.find({"metadata": None}) is None
    assert journeys.find(None) is None


def test_an_ended_request_is_forgotten_after_a_while_and_a_lost_one_much_later():
    clock = Clock()
    journeys = Journeys(clock)
    lost, ended = {}, {}
    journeys.add(ended, over := underway())
    over.journey.ended()
    journeys.add(lost, gone := underway())
    clock.now = ENDED_SECONDS + 1
    journeys.add({}, underway(since=clock.now))
    assert journeys.find(ended) is None
    assert journeys.find(lost) is gone
    clock.now = LONGEST_SECONDS + 1
    journeys.add({}, underway(since=clock.now))
    assert journeys.find(lost) is None
    assert gone.journey.outcome().reason is Reason.CLIENT_GONE


def test_there_are_never_more_than_a_bound():
    journeys = Journeys(Clock())
    for _ in range(MOST + 5):
        journeys.add({}, underway())
    assert len(journeys) == MOST


def test_metadata_is_made_where_there_is_none():
    data = {"metadata": "not a mapping"}
    metadata_of(data)["a"] = 1
    assert data["metadata"] == {"a": 1}
