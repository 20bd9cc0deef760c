"""The service as a process: when it is ready, how it ends, and what it says when it cannot begin."""

import json
import socket
import threading

import httpx
import pytest

from litellm_cascade.testing.proxy import free_port
from litellm_cascade.testing.service import ServiceProcess
from waiting import until

BODY = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a prompt"]}]}
INFER = "/v2/models/classifier/infer"


def test_it_lives_before_the_model_is_there_and_is_ready_behind(tmp_path):
    service = ServiceProcess(tmp_path, arguments=["--option", "load_seconds=4"])
    service.launch()
    try:
        until(lambda: service.status("/v2/health/live") == 200)
        assert service.status("/v2/health/ready") == 503
        until(lambda: service.status("/v2/health/ready") == 200)
        assert httpx.post(service.url + INFER, json=BODY, trust_env=False).status_code == 200
        assert "ready at http://127.0.0.1:" in service.log()
    finally:
        service.stop()
    assert service.wait() == 0


def test_on_sigterm_no_request_is_lost_of_who_heeds_that_it_is_not_ready(tmp_path):
    """Connections that wait to be accepted when the port is closed are reset by the system: so balancers are told long before."""
    answered, lost, stop = [], [], threading.Event()

    def call():
        with httpx.Client(base_url=service.url, timeout=20.0, trust_env=False) as client:
            while not stop.is_set():
                try:
                    answered.append(client.post(INFER, json=BODY).status_code)
                except httpx.TransportError as error:
                    lost.append(error)

    with ServiceProcess(tmp_path, arguments=["--option", "milliseconds=30", "--drain-seconds", "3"]) as service:
        callers = [threading.Thread(target=call) for _ in range(8)]
        for caller in callers:
            caller.start()
        until(lambda: len(answered) > 50)
        service.terminate()
        until(lambda: service.status("/v2/health/ready") == 503)
        before = len(answered)
        until(lambda: len(answered) > before + len(callers))
        stop.set()
        for caller in callers:
            caller.join()
        assert service.wait() == 0
    assert lost == []
    assert set(answered) == {200}


def test_a_request_that_was_under_way_is_answered_after_a_second_signal(tmp_path):
    answers = []
    with ServiceProcess(tmp_path, arguments=["--option", "milliseconds=1500", "--drain-seconds", "600"]) as service:
        caller = threading.Thread(target=lambda: answers.append(httpx.post(service.url + INFER, json=BODY, timeout=20, trust_env=False)))
        caller.start()
        until(lambda: "cascade_service_outstanding_prompts 1.0" in httpx.get(service.url + "/metrics", trust_env=False).text)
        service.terminate()
        until(lambda: service.status("/v2/health/ready") == 503)
        service.terminate()
        assert service.wait() == 0
        caller.join()
    assert [answer.status_code for answer in answers] == [200]


@pytest.mark.parametrize(
    ("classifier", "arguments", "sentence"),
    [
        ("linear", [], "classifier 'linear': it has no eight heads, so there is nothing to serve; run it in the proxy itself"),
        ("nobody", [], "classifier 'nobody': no such classifier; choose one of"),
        ("no.such:thing", [], "classifier 'no.such:thing': cannot be imported (No module named 'no'); write package.module:function"),
        ("linear", ["--option", "weights"], "--option 'weights': write NAME=VALUE"),
    ],
)
def test_a_classifier_that_cannot_be_served_is_told_in_a_sentence(tmp_path, classifier, arguments, sentence):
    service = ServiceProcess(tmp_path, classifier=classifier, arguments=arguments)
    service.launch()
    assert service.wait() == 1
    assert service.log().startswith(sentence)
    assert "Traceback" not in service.log()


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        service = ServiceProcess(tmp_path, port=taken.getsockname()[1])
        service.launch()
        assert service.wait() == 1
    assert service.log().endswith("choose another with --host or --port\n")


def test_a_broken_request_does_no_harm_to_others(tmp_path):
    with ServiceProcess(tmp_path) as service, httpx.Client(base_url=service.url, trust_env=False) as client:
        with socket.create_connection(("127.0.0.1", service.port)) as rude:
            rude.sendall(b"POST " + INFER.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")  # and hangs up
        statuses = [client.post(INFER, content=body).status_code for body in ("{", json.dumps(BODY))]
    assert statuses == [400, 200]
