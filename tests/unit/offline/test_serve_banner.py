from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from litellm_cascade.offline.serve_banner import HOST, banner, main, port_is_taken

KEY_FILE = Path(".venv/master-key")


def test_the_banner_reads_the_generated_key_from_its_file():
    assert '-H "Authorization: Bearer $(cat .venv/master-key)"' in banner(port=4000, key_file=KEY_FILE, environment={})


def test_the_banner_never_shows_a_key_that_came_from_the_environment():
    text = banner(port=4000, key_file=KEY_FILE, environment={"LITELLM_MASTER_KEY": "sk-mine"})
    assert "Bearer $LITELLM_MASTER_KEY" in text
    assert "sk-mine" not in text


def test_the_banner_says_where_the_traces_go_or_how_to_send_them():
    assert "Traces go to http://collector:4318" in banner(
        port=4000, key_file=KEY_FILE, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    )
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 make serve" in banner(port=4000, key_file=KEY_FILE, environment={})


def test_the_banner_says_where_the_decision_record_is():
    shipped = yaml.safe_load((Path(__file__).parents[3] / "litellm_config.yaml").read_text())
    folder = shipped["callback_settings"]["cascade"]["record"]["folder"]
    assert f"cascade audit show {folder}\n" in banner(port=4000, key_file=KEY_FILE, environment={})


def test_a_taken_port_is_one_clear_sentence(monkeypatch):
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["serve_banner", "--port", str(port), "--key-file", str(KEY_FILE)])
        with pytest.raises(SystemExit, match=f"Port {port} is taken: stop what listens there"):
            main()


def test_a_port_is_free_again_once_its_listener_is_gone():
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        assert port_is_taken(port)
    assert not port_is_taken(port)
