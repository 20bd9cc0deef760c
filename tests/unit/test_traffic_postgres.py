"""Spend logs from a real PostgreSQL, in the table that LiteLLM's own schema declares."""

import json
import re
from importlib import metadata

import pytest
from typer.testing import CliRunner

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.cli import app
from litellm_cascade.offline.traffic.postgres import SpendLogs, url_of
from postgres_server import WHY_NOT, postgres
from traffic_records import CASCADE, spend_row, write_lines

pytestmark = [pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]
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
def database():
    import psycopg

    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'CREATE TABLE "LiteLLM_SpendLogs" ({litellms_table()})')
            rows = [spend_row(number, prompt_tokens=2000 if number % 5 == 0 else 20) for number in range(COUNT)]
            for row in rows:
                row["metadata"] = json.dumps({"user_api_key_team_id": f"team {int(row['request_id'][2:]) % 3}"})
            names = list(rows[0])
            columns, places = ", ".join(f'"{name}"' for name in names), ", ".join(["%s"] * len(names))
            with connection.cursor() as cursor:
                insert = f'INSERT INTO "LiteLLM_SpendLogs" ({columns}) VALUES ({places})'  # noqa: S608 - names of our own
                cursor.executemany(insert, [list(row.values()) for row in rows])
        yield url


@pytest.fixture
def folder(tmp_path, monkeypatch, database):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"{database}&schema=public&connection_limit=5")
    (tmp_path / "desk.yaml").write_text(CASCADE)
    return tmp_path


def replayed(traces, *options):
    arguments = ["replay", "--traces", traces, "--policy", "desk.yaml", "--classifier", "none", "--json", "out.json", *options]
    return CliRunner().invoke(app, arguments)


def test_the_database_and_a_file_of_the_same_rows_are_replayed_alike(folder, database):
    result = replayed("env:DATABASE_URL")
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


@pytest.mark.parametrize("named", ["env:DATABASE_URL", "the URL itself"])
def test_the_password_is_written_nowhere(folder, database, named):
    result = replayed(database if named == "the URL itself" else named)
    assert "swordfish" not in result.output
    assert "swordfish" not in (folder / "out.json").read_text()
    assert json.loads((folder / "out.json").read_text())["traces"] == "LiteLLM_SpendLogs"


def test_what_is_read_has_a_digest_that_says_whether_it_is_the_same(database):
    first, second = SpendLogs(database), SpendLogs(database)
    assert (sum(1 for _ in first), first.size) == (COUNT, COUNT)
    assert [row.line for row in second] == list(range(1, COUNT + 1))
    assert first.digest == second.digest != SpendLogs(database).digest


def test_nothing_can_be_written_through_it(database):
    with SpendLogs(database)._connected() as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.execute('DELETE FROM "LiteLLM_SpendLogs"')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.replace("/postgres?", "/template1?"), "has no table LiteLLM_SpendLogs; name the one"),
        (lambda url: url.replace("/db", "/nowhere"), "PostgreSQL cannot be read (OperationalError); check host"),
    ],
    ids=["another database", "nobody there"],
)
def test_what_is_not_there_is_told_in_a_sentence(folder, database, change, message):
    result = replayed(change(database))
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1)
    assert message in result.stderr
    assert "swordfish" not in result.output


def test_an_empty_table_is_told(database):
    import psycopg

    statements = (
        "CREATE SCHEMA nothing",
        'CREATE TABLE nothing."LiteLLM_SpendLogs" (LIKE public."LiteLLM_SpendLogs")',
        "CREATE ROLE newcomer LOGIN",
        "GRANT USAGE ON SCHEMA nothing TO newcomer",
        "GRANT SELECT ON ALL TABLES IN SCHEMA nothing TO newcomer",
        "ALTER ROLE newcomer SET search_path TO nothing",
    )
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
    with pytest.raises(ConfigurationError, match="holds no requests"):
        list(SpendLogs(database.replace("cascade:", "newcomer:")))


def test_a_variable_without_a_url_is_told(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://here")
    with pytest.raises(ConfigurationError, match="DATABASE_URL holds no PostgreSQL URL"):
        url_of("env:DATABASE_URL")
