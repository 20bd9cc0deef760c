"""A checkpoint of Hugging Face's and a model behind an alias, one within the other, in a real proxy: one answer, one span."""

import json

import pytest
from harness.configs import cascade_config, model
from harness.dialects import DIALECTS

from litellm_cascade.testing.upstream import Reply

POLICY = """
version: 1
name: test
models: {small: {tier: budget}, large: {tier: premium}}
routes:
  - {name: hard law, when: 'classification.domain == "law" && classification.complexity > 0.7', send: large}
  - {name: the rest, send: small}
"""
WORDS = ("[PAD]", "[UNK]", "law", "talk")
ANSWER = {
    "reasoning": "A hard case.",
    "task_type": "Open QA",
    "domain": "law",
    "complexity": 5,
    "creativity": 0,
    "estimated_tokens": 500,
    "prefers": "quality",
    "confidence": 0.9,
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Tells the word `law` from the word `talk`, made so by hand: an encoder without layers, and a head that looks at one number each."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    folder = tmp_path_factory.mktemp("checkpoint")
    sizes = {"dim": 32, "hidden_dim": 32, "n_layers": 0, "n_heads": 4, "max_position_embeddings": 16, "vocab_size": len(WORDS)}
    network = DistilBertForSequenceClassification(DistilBertConfig(**sizes, id2label={0: "law", 1: "talk"}, label2id={"law": 0, "talk": 1}))
    with torch.no_grad():
        network.distilbert.embeddings.position_embeddings.weight.zero_()
        words = network.distilbert.embeddings.word_embeddings.weight
        words.zero_()
        words[2, 0], words[3, 1] = 1.0, 1.0
        network.pre_classifier.weight.copy_(torch.eye(32))
        network.classifier.weight.zero_()
        network.classifier.weight[0, 0], network.classifier.weight[1, 1] = 2.0, 2.0
    network.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel(dict(zip(WORDS, range(len(WORDS)), strict=True)), unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def config_for(upstream_server, folder, classifier):
    (folder / "test.yaml").write_text(POLICY)
    config = cascade_config(
        upstream_server.url,
        callback_settings={"cascade": {"policies": str(folder), "debug_headers": True, "classifier": classifier}},
    )
    config["model_list"].append(model("judge", upstream_server.url))
    return config


@pytest.fixture(scope="module")
def proxy(start_proxy, upstream_server, tmp_path_factory, checkpoint):
    first = {"name": "sequence", "options": {"model": str(checkpoint), "means": "domain"}}
    options = {"first": first, "within": {"law": {"name": "llm", "options": {"alias": "judge"}}}}
    classifier = {"name": "hierarchical", "within_ms": 5000, "remember": 0, "options": options}
    return start_proxy(config_for(upstream_server, tmp_path_factory.mktemp("policies"), classifier))


@pytest.mark.parametrize(("complexity", "text"), [(5, "Answer of large."), (1, "Answer of small.")])
def test_the_checkpoint_says_what_it_is_about_and_the_model_how_hard_it_is(client, upstream, collector, trace, complexity, text):
    upstream.script("judge", Reply(json.dumps(ANSWER | {"complexity": complexity})))
    heard = DIALECTS["chat"].ask(client, "law", headers=trace.headers)
    assert (heard.status, heard.text, heard.cascade("degraded")) == (200, text, None)
    spans = [span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.classify"]
    assert len(spans) == 1
    told = spans[0].attributes
    assert (told["cascade.classifier"], told["cascade.domain"], told["cascade.label"]) == ("hierarchical", "law", "law")
    assert (told["cascade.complexity"], told["cascade.task"]) == ((complexity - 1) / 4, "Open QA")


def test_the_models_call_stands_below_the_route_in_the_trace(client, upstream, collector, trace):
    upstream.script("judge", Reply(json.dumps(ANSWER)))
    DIALECTS["chat"].ask(client, "law", headers=trace.headers)
    route = next(span for span in collector.wait_for_trace(trace.trace_id, "cascade.route") if span.name == "cascade.route")
    below = collector.wait_until(lambda _: any(span.scope != "litellm_cascade" for span in collector.children(route)))
    assert below


def test_of_another_kind_nobody_is_asked(client, upstream):
    heard = DIALECTS["chat"].ask(client, "talk talk")
    assert (heard.status, heard.text) == (200, "Answer of small.")
    assert upstream.asked("judge") == []


def test_half_an_answer_is_better_than_none(client, upstream):
    upstream.script("judge", Reply("no"))
    heard = DIALECTS["chat"].ask(client, "law")
    assert (heard.status, heard.cascade("degraded")) == (200, "classifier_within_failed")


def test_a_checkpoint_that_does_not_fit_stops_the_proxy_in_one_sentence(prepare_proxy, upstream_server, tmp_path, checkpoint):
    options = {"model": str(checkpoint), "labels": {"laws": "large"}}
    code, log = prepare_proxy(config_for(upstream_server, tmp_path, {"name": "sequence", "options": options})).expect_exit()
    assert code != 0
    assert "classifier 'sequence': options.labels: 'laws' is no label of the checkpoint, which has law, talk" in log
