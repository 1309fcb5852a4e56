"""A thousand times new keys, by either side and by both at once, while packets flow: none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle

import pytest
import vici
from networks import SLOW, until
from streams import Sender, drain, streams
from vici.exception import CommandException
from vpn import Side, Vpn

from landbridge.observe.ike import ChildState, IkeEventKind, IkeState

FEWER = 10 if SLOW > 1 else 1
"""An emulated processor makes a tenth of them."""
TIMES = {"child": 800 // FEWER, "ike": 200 // FEWER}

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


class End:
    """One side, asked for new keys over a connection of its own to charon."""

    def __init__(self, vpn: Vpn, side: Side, session: vici.Session) -> None:
        self.vpn, self.side, self.session = vpn, side, session

    def current(self, kind: str) -> int:
        """The number that charon gives to the newest SA of that kind that is in use; 0 while there is none."""
        live = [sa for sa in self.vpn.sas(self.side) if sa.state is IkeState.ESTABLISHED]
        if kind == "ike":
            return max((sa.unique_id for sa in live), default=0)
        return max((c.unique_id for sa in live for c in sa.children if c.state is ChildState.INSTALLED), default=0)

    def renew(self, kind: str) -> None:
        """Ask for it; it is not waited for. Nothing is asked where the other side was faster."""
        current = self.current(kind)
        if not current:
            return
        try:
            self.session.rekey({f"{kind}-id": str(current)})
        except CommandException as error:
            if "no matching" not in str(error):
                raise

    def renewed(self, kind: IkeEventKind) -> int:
        """How often, as charon tells."""
        return len(self.vpn.heard(kind, self.side))


def ways(one: End, other: End) -> Iterator[tuple[End, ...]]:
    """Who asks: the one side, the other side, both at once, and so on."""
    return cycle([(one,), (other,), (one, other)])


def at_once(actions: list[Callable[[], None]]) -> None:
    """Run them on threads that start together."""
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[], None]) -> None:
        barrier.wait()
        action()

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("kind", TIMES)
def test_none_of_a_thousand_rekeyings_loses_a_packet(vpn: Vpn, kind: str) -> None:
    vpn.both()
    vpn.await_ping()
    event = IkeEventKind.CHILD_REKEYED if kind == "child" else IkeEventKind.IKE_REKEYED
    both = streams(vpn)
    with ExitStack() as stack:
        ends = [End(vpn, side, stack.enter_context(vpn.control(side))) for side in (vpn.a, vpn.b)]
        with Sender(both).sending():
            for askers in ways(*ends):
                before = [end.renewed(event) for end in ends]
                if min(before) >= TIMES[kind]:
                    break
                at_once([lambda end=end: end.renew(kind) for end in askers])
                for end, times in zip(ends, before, strict=True):
                    until(lambda end=end, times=times: end.renewed(event) > times, f"{end.side.endpoint} has new keys")
                    until(lambda end=end: end.current(kind), f"{end.side.endpoint} is at rest")
        drain(both)
    for stream in both:
        stream.sender.close()
    lost = [stream.lost for stream in both]
    print(f"{[end.renewed(event) for end in ends]} times new keys, {[s.sent for s in both]} sent, {lost} lost")
    assert lost == [0, 0]
    assert not vpn.heard(IkeEventKind.CHILD_DOWN, vpn.a)
    assert not vpn.heard(IkeEventKind.CHILD_DOWN, vpn.b)
