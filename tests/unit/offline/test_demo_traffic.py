from litellm_cascade.offline.demo_traffic import write_prompts
from litellm_cascade.offline.send_prompts import read_prompts


def test_a_round_can_be_sent_and_differs_from_the_next(tmp_path):
    rounds = []
    for seed in (0, 1, 0):
        count = write_prompts(tmp_path / "prompts.jsonl", 2, seed)
        rounds.append(read_prompts(tmp_path / "prompts.jsonl"))
        assert len(rounds[-1]) == count > 2
    assert rounds[0] == rounds[2] != rounds[1]
    assert len({prompt.source for prompt in rounds[0]}) > 5
