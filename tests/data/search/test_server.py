"""An MSA server as it is on a bad day: a stand-in on this machine that is slow, busy, broken, or another program."""

import gzip
import json
import random
import time
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
from absl import logging

from af2jax.data.parse import parse_a3m
from af2jax.data.search import a3m, server
from af2jax.errors import InputError
from tests.data.search.stand_in import HIT, QUERY, QUICK, RESULT, StandIn, pack, say, status


def broken(handler):
    say(handler, b"half", announced=100)
    handler.close_connection = True


def silent(handler):
    time.sleep(0.6)


def dripping(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.02)


def fault(code: int):
    return lambda handler: say(handler, b"<html>no</html>", code)


def test_the_protocol(caplog):
    logging.get_absl_logger().propagate = True
    seen = []
    states = ("RATELIMIT", "UNKNOWN", "PENDING", "RUNNING", "UNKNOWN", "COMPLETE")
    with StandIn(*(status(state) for state in states), pack(RESULT)) as stand_in:
        text = stand_in.fetch(progress=seen.append)
    assert text == f">q\n{QUERY}\n{HIT}>env\n{QUERY}\n" and seen == list(states)
    methods = [(method, path) for method, path, *_ in stand_in.asked]
    assert methods[:3] == [("POST", "/ticket/msa")] * 3  # handed in again until there is a ticket
    assert methods[3:6] == [("GET", "/ticket/a%2F..%2Fb%3D")] * 3
    assert methods[6:] == [("GET", "/result/download/a%2F..%2Fb%3D")]
    assert parse_qs(stand_in.asked[0][3]) == {"q": [f">101\n{QUERY}\n"], "mode": ["env"]}
    assert {agent for _, _, agent, _ in stand_in.asked} == {"af2jax/test"}
    told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert told == [f"q: the sequence is sent to {stand_in.url}"]


@pytest.mark.parametrize("bad", [broken, silent, fault(500), fault(502), fault(429)])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_breaks_is_asked_again(bad, at):
    good = [status("PENDING"), status("COMPLETE"), pack(RESULT)]
    with StandIn(*good[:at], bad, bad, *good[at:]) as stand_in:
        assert parse_a3m(stand_in.fetch(), "").names == ("q", "UniRef100_A\t119\t1.00", "env")
    assert len(stand_in.asked) == 5


@pytest.mark.parametrize(
    "answers, message",
    [
        ([broken], "4 attempts"),
        ([fault(500)], "cannot be reached (HTTP status 500), 4 attempts"),
        ([fault(404)], "not an MMseqs2 server (HTTP status 404 for ticket/msa)"),
        ([b"<html>\n<p>hello"], 'not an MMseqs2 server: its ticket is "<html> <p>hello"'),
        ([b"[1]"], "not an MMseqs2 server"),
        ([b"[" * 100_000], "not an MMseqs2 server"),
        ([b" " * (1 << 20) + b" "], "sends more than 1 MiB"),
        ([status("ERROR")], 'turns the query down ("ERROR")'),
        ([status("MAINTENANCE")], "under maintenance"),
        ([status("PENDING"), status("ERROR")], "turns the query down"),
        ([status("COMPLETE"), b"<html>"], "the result is damaged"),
        ([status("COMPLETE"), pack(RESULT)[:-30]], "the result is damaged"),
        ([status("COMPLETE"), gzip.compress(b"no tar at all", mtime=0)], "the result is damaged"),
        ([status("COMPLETE"), pack({"../uniref.a3m": RESULT["uniref.a3m"]})], "has no uniref.a3m"),
        ([status("COMPLETE"), pack({"uniref.a3m": ">101\nACD\n"})], "the result of another sequence"),
        ([status("COMPLETE"), pack({"uniref.a3m": ""})], "uniref.a3m is empty"),
        ([status("COMPLETE"), pack({"uniref.a3m": f">101\n{QUERY}\n>x\nAC\n"})], 'row 2 ("x") has 2 aligned columns'),
    ],
)
def test_bad_answers_are_one_line(answers, message):
    with StandIn(*answers) as stand_in, pytest.raises(InputError) as error:
        stand_in.fetch()
    assert message in str(error.value) and "\n" not in str(error.value) and "127.0.0.1" in str(error.value)


@pytest.mark.parametrize("answer", [status("PENDING"), fault(429), dripping])
def test_patience_ends(answer):
    with StandIn(answer) as stand_in, pytest.raises(InputError, match=r"no result in 0\.3 seconds"):
        stand_in.fetch(server.Patience(answer=0.5, result=0.3, pause=0.01))


def test_refusals_double_the_pause(monkeypatch):
    pauses = []
    monkeypatch.setattr(server, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append))
    with StandIn(*[status("RATELIMIT")] * 6, status("RUNNING"), status("COMPLETE"), pack(RESULT)) as stand_in:
        stand_in.fetch(server.Patience(pause=5))
    assert pauses == [5, 10, 20, 40, 60, 60, 5]


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "file:///etc/passwd", "http://", "http://a b", "http://[", "http://a:b"]
)
def test_an_address_must_be_one(url):
    with pytest.raises(InputError, match="is not an address of a server"):
        server.fetch("q", QUERY, url, user_agent="x", patience=QUICK)


@pytest.mark.parametrize("sequence", ["", "AC:D", "AC D", "A1"])
def test_only_a_sequence_leaves_the_machine(sequence):
    with pytest.raises(InputError, match="amino-acid letters only"):
        server.fetch("q", sequence, "https://example.org", user_agent="x", patience=QUICK)


def test_without_environmental_sequences_a_warning(caplog):
    logging.get_absl_logger().propagate = True
    with StandIn(status("COMPLETE"), pack({"./uniref.a3m": RESULT["uniref.a3m"]})) as stand_in:
        assert stand_in.fetch() == f">q\n{QUERY}\n{HIT}"
    assert "no environmental sequences" in caplog.text


def test_large_members_are_not_unpacked(monkeypatch):
    monkeypatch.setattr(server, "_LARGEST_RESULT", 1 << 20)
    bomb = pack(RESULT | {"other": bytes(1 << 22)})
    with StandIn(status("COMPLETE"), bomb) as stand_in, pytest.raises(InputError, match="larger than 1 MiB"):
        stand_in.fetch()


def test_a_server_s_real_result(shared):
    """What ColabFold's own tests keep of its server's answers, and a whole result."""
    cases = json.loads((shared / "data" / "formats" / "other" / "colabfold__get_msa_uniref.json").read_text())
    text = "\n".join(cases[0]["response"][0]) + "\n"
    query = cases[0]["config"]["query"][0]
    assert a3m.join("101", query, a3m.hits(text, query, "")) == text

    folder = shared / "data" / "msa" / "4ot_colabfold"
    texts = {name: gzip.decompress((folder / f"{name}.gz").read_bytes()).decode() for name in server.FILES}
    alignments = [parse_a3m(text.replace("\0", ""), name) for name, text in texts.items()]
    with StandIn(status("COMPLETE"), pack(texts)) as stand_in:
        joined = parse_a3m(stand_in.fetch(sequence=alignments[0].query), "")
    assert joined.names == ("q", *alignments[0].names[1:], *alignments[1].names[1:])
    rows = np.concatenate([alignments[0].codes, alignments[1].codes[1:]])
    np.testing.assert_array_equal(joined.codes, rows)


def test_damaged_results_are_input_errors():
    rng, whole, bare = random.Random(0), pack(RESULT), gzip.decompress(pack(RESULT))
    refused = 0
    for trial in range(600):
        data = bytearray(bare if trial % 2 else whole)
        for _ in range(rng.choice([1, 3, 20])):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.choice([0, 1, 1, 600])] = rng.randbytes(rng.choice([0, 1, 1, 10]))
        try:
            packed = gzip.compress(data, 1) if trial % 2 else bytes(data)
            for text in server._members(packed, "u").values():
                a3m.hits(text, QUERY, "u")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 300
