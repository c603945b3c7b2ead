"""JSON-RPC over a real process: order, cancelling, and every kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from child_process import ChildProcess

SCRIPT = str(Path(__file__).with_name("rpc_child.py"))
START = f"import runpy, sys; sys.path.insert(0, '.'); runpy.run_path({SCRIPT!r}, run_name='__main__')"


@pytest.fixture
def child() -> Iterator[ChildProcess]:
    with ChildProcess("-c", START) as process:
        yield process


def test_requests_are_answered_in_the_order_they_came(child: ChildProcess) -> None:
    for number in range(5):
        child.send("echo", {"number": number}, number)
    answers = [child.wait_for(lambda message: "result" in message) for _ in range(5)]
    assert [(answer["id"], answer["result"]) for answer in answers] == [(n, {"number": n}) for n in range(5)]


def test_a_cancel_reaches_the_running_and_the_queued_request_at_once(child: ChildProcess) -> None:
    child.send("wait", None, 1)
    child.send("wait", None, 2)
    child.send("echo", "last", 3)
    child.notification("waiting")
    child.send("$/cancelRequest", {"id": 2})
    child.send("$/cancelRequest", {"id": 1})
    assert child.answer(1)["error"]["message"] == "Cancelled in the middle."
    # The queued one was never begun: it did not say that it waits.
    assert child.answer(2)["error"]["data"] == {"kind": "CANCELLED", "traceback": None}
    assert child.answer(3)["result"] == "last"
    assert len(child.notifications) == 1


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("nothing", None, {"code": -32601, "message": "There is no method nothing."}),
        ("refuse", {}, {"code": -32602, "message": "refuse: path must be a str."}),
        (
            "fail",
            "failure",
            {
                "code": -32001,
                "message": "No audio.",
                "data": {"kind": "INVALID_AUDIO", "traceback": None},
            },
        ),
    ],
)
def test_errors_are_those_of_the_protocol(
    child: ChildProcess, method: str, params: Any, error: dict[str, Any]
) -> None:
    assert child.call(method, params, 7)["error"] == error


@pytest.mark.parametrize(("method", "params"), [("fail", "surprise"), ("fail", "exit"), ("nan", None)])
def test_a_surprise_is_internal_and_the_child_lives_on(child: ChildProcess, method: str, params: Any) -> None:
    error = child.call(method, params, 1)["error"]
    assert (error["code"], error["data"]["kind"]) == (-32001, "INTERNAL")
    assert "secret" not in error["message"]
    assert "Traceback" in error["data"]["traceback"]
    assert child.call("echo", 1, 2)["result"] == 1


@pytest.mark.parametrize(
    ("body", "answered_id"),
    [(b'{"id":1,"method":"echo"}', 1), (b'{"jsonrpc":"2.0","id":true,"method":"echo"}', None)],
)
def test_what_is_no_request_is_refused(child: ChildProcess, body: bytes, answered_id: int | None) -> None:
    child.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    assert child.answer(answered_id)["error"]["code"] == -32600


def test_unknown_notifications_and_cancels_of_unknown_requests_change_nothing(child: ChildProcess) -> None:
    child.send("hello", {})
    child.send("$/cancelRequest", {"id": 99})
    child.send("$/cancelRequest", ["no object"])
    assert child.call("echo", "still here", 1)["result"] == "still here"


def test_a_desynchronised_channel_ends_the_child_with_a_reason(child: ChildProcess) -> None:
    child.send_bytes(b"stray\r\n\r\n")
    status, said = child.ended()
    assert status == 1
    assert "cannot be trusted" in said


def test_a_child_of_which_nothing_is_asked_uses_the_moment_and_answers_on(child: ChildProcess) -> None:
    child.call("plan_rest", "tell", 1)
    child.notification("rested")
    assert child.call("echo", "here again", 2)["result"] == "here again"


def test_what_fails_at_rest_ends_the_child_with_a_reason(child: ChildProcess) -> None:
    child.call("plan_rest", "fail", 1)
    status, said = child.ended()
    assert status == 1
    assert "as planned" in said


def test_the_end_of_stdin_ends_the_child_even_while_it_works(child: ChildProcess) -> None:
    child.send("wait", None, 1)
    child.notification("waiting")
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(10) == 0


def test_shutdown_is_answered_and_then_obeyed(child: ChildProcess) -> None:
    assert child.call("shutdown", {}, 1) == {"jsonrpc": "2.0", "id": 1, "result": None}
    assert child.process.wait(10) == 0
