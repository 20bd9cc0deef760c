"""Spend logs from a real PostgreSQL, in the table that LiteLLM's own schema declares."""

import json
import re
from importlib import metadata

import psycopg
import pytest
from typer.testing import CliRunner

from litellm_cascade.audit.ledger import Ledger, LedgerOptions
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.traffic.postgres import SpendLogs
from postgres_server import PASSWORD, PostgresServer
from traffic_records import CASCADE, recorded, spend_row, write_lines

TYPES = {"String": "text", "Float": "double precision", "Int": "integer", "DateTime": "timestamp(3)", "Json": "jsonb"}
COUNT = 2500
"""More than the cursor brings at once."""


def litellms_table():
    """As the release that is installed declares it."""
    files = metadata.files("litellm") or []
    schema = next(file for file in files if file.name == "schema.prisma" and "proxy" in file.parts).locate().read_text(encoding="utf-8")
    model = re.search(r"model LiteLLM_SpendLogs \{(.*?)\n\}", schema, re.DOTALL)[1]
    columns = re.findall(r"^\s+(\w+)\s+(String|Float|Int|DateTime|Json)\b", model, re.MULTILINE)
    return ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in columns)


@pytest.fixture(scope="module")
def server():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def database(server):
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "LiteLLM_SpendLogs" ({litellms_table()})')
        rows = [spend_row(number, prompt_tokens=2000 if number % 5 == 0 else 20) for number in range(COUNT)]
        names = list(rows[0])
        columns, places = ", ".join(f'"{name}"' for name in names), ", ".join(["%s"] * len(names))
        with connection.cursor() as cursor:
            insert = f'INSERT INTO "LiteLLM_SpendLogs" ({columns}) VALUES ({places})'  # noqa: S608 - names of our own
            cursor.executemany(insert, [list(row.values()) for row in rows])
    return url


@pytest.fixture
def folder(tmp_path, monkeypatch, database):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"{database}?schema=public&connection_limit=5")
    (tmp_path / "desk.yaml").write_text(CASCADE)
    return tmp_path


def replayed(traces, *options):
    arguments = ["replay", "--traces", traces, "--policy", "desk.yaml", "--classifier", "none", "--json", "out.json", *options]
    return CliRunner().invoke(app, arguments)


def spend_logs(monkeypatch, url):
    monkeypatch.setenv("SOME_URL", url)
    return SpendLogs("SOME_URL")


def test_the_database_and_a_file_of_the_same_rows_are_replayed_alike(folder, database):
    result = replayed("spend-logs:DATABASE_URL")
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "out.json").read_text())
    rows = [spend_row(number, prompt_tokens=2000 if number % 5 == 0 else 20) for number in range(COUNT)]
    write_lines(folder / "spend.jsonl", rows)
    assert replayed("spend.jsonl").exit_code == 0
    same = json.loads((folder / "out.json").read_text())
    for name in ("requests", "without_text", "bands", "routes", "aliases"):
        assert found[name] == same[name]
    assert found["cost_against_recorded"] == pytest.approx(same["cost_against_recorded"])
    assert found["requests"] == COUNT


def test_the_password_is_written_nowhere(folder):
    result = replayed("spend-logs:DATABASE_URL")
    written = (folder / "out.json").read_text()
    assert PASSWORD not in result.output + written
    assert json.loads(written)["traces"] == "LiteLLM_SpendLogs"
    assert json.loads(written)["command"].startswith("cascade replay --traces spend-logs:DATABASE_URL")


def test_what_is_read_has_a_digest_that_says_whether_it_is_the_same(database, monkeypatch):
    first, second = (spend_logs(monkeypatch, database) for _ in range(2))
    assert (sum(1 for _ in first), first.size) == (COUNT, COUNT)
    assert [row.line for row in second] == list(range(1, COUNT + 1))
    assert first.digest == second.digest != spend_logs(monkeypatch, database).digest


def test_nothing_can_be_written_through_it(database, monkeypatch):
    with spend_logs(monkeypatch, database)._connected() as connection, pytest.raises(psycopg.Error, match="read-only transaction"):
        connection.execute('DELETE FROM "LiteLLM_SpendLogs"')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda server: server.url("postgres"), "has no table LiteLLM_SpendLogs; name the one"),
        (lambda server: server.url("nowhere"), "PostgreSQL cannot be read (OperationalError); check host"),
        (lambda server: server.url("postgres", password="wrong"), "PostgreSQL cannot be read (OperationalError); check host"),
        (lambda _: "", "holds no PostgreSQL URL; put postgresql://user:password@host/db there"),
    ],
    ids=["another database", "no database", "another password", "no URL"],
)
def test_what_is_not_there_is_told_in_a_sentence(folder, server, monkeypatch, change, message):
    monkeypatch.setenv("DATABASE_URL", change(server))
    result = replayed("spend-logs:DATABASE_URL")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1), result.stderr
    assert message in result.stderr
    assert PASSWORD not in result.output


def test_an_empty_table_is_told(server, monkeypatch):
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE TABLE "LiteLLM_SpendLogs" ({litellms_table()})')
    with pytest.raises(ConfigurationError, match="holds no requests"):
        list(spend_logs(monkeypatch, url))


def test_a_decision_record_in_a_database_is_replayed_and_reported(folder, server, monkeypatch):
    url = server.new_database()
    ledger = Ledger(LedgerOptions(database=lambda: url))
    for number in range(20):
        ledger(recorded(folder / "desk.yaml", number, -0.1))
    ledger.close()
    monkeypatch.setenv("RECORD_URL", url)
    result = replayed("record:RECORD_URL")
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "out.json").read_text())
    assert (found["requests"], found["recorded"], found["traces"]) == (20, {"decided the same": 20}, "decision record")
    told = CliRunner().invoke(app, ["report", "--traces", "record:RECORD_URL"])
    assert (told.exit_code, "20 requests from" in told.stdout) == (0, True)


def test_a_record_whose_variable_is_empty_is_called_wrongly(folder):
    assert replayed("record:NOBODY_SET_THIS").exit_code == 2
