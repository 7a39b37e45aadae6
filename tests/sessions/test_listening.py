"""Telling that something changed: to whom, and how often to who is slow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.principals import Principal
from commander.sessions.listening import ChangeHub, Listener
from commander.sessions.task_teller import TaskTeller
from commander.sessions.wishes import Wishes
from tests.sessions.kit import ANN, BOB

requirement = pytest.mark.requirement


class Ear:
    """A listener and what it heard."""

    def __init__(
        self,
        lists: Any = (),
        resources: Any = (),
        principal: Principal = ANN,
        **more: Any,
    ) -> None:
        self.heard: list[Any] = []
        self.listener = Listener(
            principal=principal,
            lists=lists,
            resources=Wishes(resources),
            send=lambda message: self.heard.append(msgspec.json.decode(message)),
            **more,
        )


@requirement("M32")
def test_a_listener_hears_of_what_it_asked_for_and_nothing_else() -> None:
    """M32: never an unrequested type."""
    ear = Ear({"tools"}, {"x://a"})
    for kind in ("tools", "prompts", "resources"):
        ear.listener.list_changed(kind)
    for uri in ("x://a", "x://b"):
        ear.listener.resource_updated(uri)
    assert ear.heard == [
        {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
        {
            "jsonrpc": "2.0",
            "method": "notifications/resources/updated",
            "params": {"uri": "x://a"},
        },
    ]


@pytest.mark.parametrize("subscription", [7, 0, "7", ""])
def test_a_subscription_stands_in_all_that_it_hears(subscription: str | int) -> None:
    """M32: the same JSON type."""
    ear = Ear({"tools"}, {"x://a"}, subscription=subscription)
    ear.listener.list_changed("tools")
    ear.listener.resource_updated("x://a")
    key = "io.modelcontextprotocol/subscriptionId"
    assert [one["params"]["_meta"] for one in ear.heard] == [{key: subscription}] * 2
    assert ear.heard[1]["params"]["uri"] == "x://a"


def test_a_slow_listener_hears_once_of_what_changed_meanwhile() -> None:
    ear = Ear({"tools", "prompts"}, {"x://a"})
    ear.listener.pause()
    for _ in range(1000):
        ear.listener.resource_updated("x://a")
        ear.listener.list_changed("tools")
    assert ear.heard == []
    ear.listener.resume()
    methods = [one["method"] for one in ear.heard]
    assert methods == [
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ]
    ear.listener.list_changed("tools")
    assert len(ear.heard) == 3


def test_a_listener_that_falls_behind_while_it_catches_up_hears_the_rest_later() -> (
    None
):
    ear = Ear({"tools"}, [f"x://{n}" for n in range(5)])
    heard = ear.heard

    class Slow(list[Any]):
        def append(self, item: Any) -> None:
            heard.extend([item])
            ear.listener.pause()

    ear.heard = Slow()
    ear.listener.pause()
    for number in range(5):
        ear.listener.resource_updated(f"x://{number}")
    for _ in range(5):
        ear.listener.resume()
    assert [one["params"]["uri"] for one in heard] == [f"x://{n}" for n in range(5)]


def test_a_hub_tells_all_and_only_who_is_there() -> None:
    hub, ears = ChangeHub(), [Ear({"tools"}, {"x://a"}) for _ in range(3)]
    for ear in ears:
        hub.add(ear.listener)
    hub.discard(ears[1].listener)
    hub.discard(ears[1].listener)
    assert len(hub) == 2
    hub.list_changed("tools")
    hub.resource_updated("x://a")
    assert [len(ear.heard) for ear in ears] == [2, 0, 2]


def test_what_is_of_one_principal_is_told_to_no_other() -> None:
    """A URI or an id that was found out is worth nothing."""
    hub, ears = ChangeHub(), [Ear((), {"x://a"}, one) for one in (ANN, BOB)]
    for ear in ears:
        hub.add(ear.listener)
    hub.resource_updated("x://a", ANN)
    assert [len(ear.heard) for ear in ears] == [1, 0]
    hub.resource_updated("x://a", Principal("nobody"))
    hub.resource_updated("x://a")
    assert [len(ear.heard) for ear in ears] == [2, 1]


class MemoryTeller(TaskTeller):
    """Remembers what it was told to do."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def changed(self, task_id: str) -> None:
        self.did.append(task_id)

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        self.did.append("resume")

    def end(self) -> None:
        self.did.append("end")


@requirement("E12", over=())
def test_a_task_is_told_to_its_principal_only() -> None:
    hub, tellers = ChangeHub(), [MemoryTeller() for _ in range(2)]
    for principal, teller in zip((ANN, BOB), tellers, strict=True):
        hub.add(Ear((), (), principal, subscription=1, tasks=teller).listener)
    hub.add(Ear((), (), ANN).listener)
    hub.task_changed("t1", ANN)
    assert [one.did for one in tellers] == [["t1"], []]


def test_tasks_are_held_back_with_all_else_and_end_with_it() -> None:
    teller = MemoryTeller()
    ear = Ear({"tools"}, (), tasks=teller)
    ear.listener.pause()
    ear.listener.resume()
    ear.listener.end()
    assert teller.did == ["pause", "resume", "end"]
    Ear({"tools"}).listener.end()


def test_tasks_wait_for_a_client_that_falls_behind_while_it_catches_up() -> None:
    teller = MemoryTeller()
    ear = Ear({"tools"}, (), tasks=teller)

    class Slow(list[Any]):
        def append(self, item: Any) -> None:
            ear.listener.pause()

    ear.heard = Slow()
    ear.listener.pause()
    ear.listener.list_changed("tools")
    ear.listener.resume()
    assert teller.did == ["pause", "pause"]
    ear.listener.resume()
    assert teller.did[2:] == ["resume"]


def test_who_leaves_when_told_disturbs_nobody() -> None:
    hub = ChangeHub()
    heard: list[str] = []

    def leaving(name: str) -> Listener:
        def send(_: bytes) -> None:
            heard.append(name)
            for listener in listeners:
                hub.discard(listener)

        return Listener(principal=ANN, lists={"tools"}, resources=Wishes(), send=send)

    listeners = [leaving("a"), leaving("b")]
    for listener in listeners:
        hub.add(listener)
    hub.list_changed("tools")
    assert heard[0] == "a"
    assert len(hub) == 0


@requirement("M32")
@given(st.lists(st.sampled_from(["pause", "resume", "tools", "x://a"]), max_size=40))
def test_nothing_that_changed_stays_untold(steps: list[str]) -> None:
    ear, paused = Ear({"tools"}, {"x://a"}), False
    last: dict[str, int] = {}
    for step in steps:
        if step in {"pause", "resume"}:
            paused = step == "pause"
            getattr(ear.listener, step)()
        elif step == "tools":
            ear.listener.list_changed(step)
            last[step] = len(ear.heard)
        else:
            ear.listener.resource_updated(step)
            last[step] = len(ear.heard)
        if not paused:
            told = {str(one.get("params", {}).get("uri", "tools")) for one in ear.heard}
            assert told == set(last)


# --- who has to look out for changes -----------------------------------------------


class Looker:
    """Knows for which resources somebody listens."""

    def __init__(self, hub: ChangeHub) -> None:
        self.wanted: set[tuple[Principal, str]] = set()
        hub.on_interest(self._interest)

    def _interest(self, uri: str, principal: Principal, wanted: bool) -> None:
        assert ((principal, uri) in self.wanted) is not wanted
        if wanted:
            self.wanted.add((principal, uri))
        else:
            self.wanted.remove((principal, uri))


EARS = st.lists(
    st.tuples(st.sampled_from([ANN, BOB]), st.sets(st.sampled_from("ab"))), max_size=4
)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["come", "go", "wish", "forget"]),
        st.integers(0, 3),
        st.sampled_from("ab"),
    ),
    max_size=40,
)


@given(EARS, MOVES)
def test_it_is_told_for_what_somebody_listens(
    ears: list[tuple[Principal, set[str]]], moves: list[tuple[str, int, str]]
) -> None:
    hub = ChangeHub()
    looker = Looker(hub)
    listeners = [Ear((), uris, who).listener for who, uris in ears]
    there: set[Listener] = set()
    for move, number, uri in moves:
        if number >= len(listeners):
            continue
        listener = listeners[number]
        if move == "come" and listener not in there:
            hub.add(listener)
            there.add(listener)
        elif move == "go":
            hub.discard(listener)
            there.discard(listener)
        elif move == "wish":
            listener.resources.add(uri)
        elif move == "forget":
            listener.resources.discard(uri)
        assert looker.wanted == {
            (one.principal, wished) for one in there for wished in one.resources
        }
