"""The driver of rulesets. A table says whose it is, what was asked for, and how the kernel listed it then.

So what reads as right is right: a flushed, altered or half-made table lists differently from what it says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from landbridge.desired.objects import HERE, HostObject, Seen
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.tables import Family
from landbridge.drivers.netlink import marks
from landbridge.drivers.netlink.inside import NamespaceMissing, exists
from landbridge.drivers.nftables import lookups, render
from landbridge.drivers.nftables.flows import forget
from landbridge.drivers.nftables.library import NftError, run
from landbridge.drivers.nftables.netfilter import Netfilter
from landbridge.reconcile.driver import DriverError

DEFAULT_NAME: Final = "landbridge"
ALTERED: Final = "altered"
"""The fingerprint of a table that is not as it was when it was made."""

_SEAL: Final = re.compile(r'\tchain seal \{\n\t\tcomment "(\S+) (\S+)"\n\t\}\n')
_LISTED: Final = re.compile(r'\n?\tchain listed \{\n\t\tcomment "(\S+)"\n\t\}\n')


class NftablesDriver:
    """The `Driver` of rulesets of one owner.

    What it read it remembers while the kernel says that nobody has changed anything since: listing takes as long as a
    table has elements, and most changes in a VPC are not to its filters.
    """

    kinds: frozenset[type[HostObject]] = frozenset({Ruleset})

    def __init__(self, owner: str) -> None:
        """`owner` is written into every table's seal."""
        self.owner = marks.checked_owner(owner)
        self._read: dict[str, tuple[tuple[int, int], tuple[Seen, ...]]] = {}

    def read(self, namespaces: Collection[str]) -> Iterator[Seen]:
        """The tables of this owner in these namespaces, by fingerprint.

        Raises:
            DriverError: nftables could not be asked.
        """
        for namespace in namespaces:
            try:
                with _asking(namespace) as kernel:
                    # Before the tables are listed: what changes in between is read again next time.
                    generation = kernel.generation()
                    known = self._read.get(namespace)
                    if known is None or known[0] != generation:
                        known = generation, tuple(self._tables(namespace, kernel))
                        self._read[namespace] = known
                yield from known[1]
            except NamespaceMissing:
                self._read.pop(namespace, None)

    def _tables(self, namespace: str, kernel: Netfilter) -> Iterator[Seen]:
        for family, name in kernel.tables():
            if render.TABLE_NAME.fullmatch(name):
                found = self._fingerprint(namespace, name, run(namespace, f"list table {family} {name}")[0])
                if found is not None:
                    yield _seen(namespace, Family(family), name, found)

    def fingerprint(self, wanted: HostObject) -> str:
        """A digest of the ruleset's text."""
        assert isinstance(wanted, Ruleset)
        return render.fingerprint(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Replace the table in one transaction, then note in it what the kernel made of it.

        Raises:
            DriverError: nftables refused, or a table of that name is somebody else's.
        """
        assert isinstance(wanted, Ruleset)
        where = wanted.namespace
        family, name = wanted.family, wanted.name
        before = self._there(where, family, name)
        try:
            text = render.creation(wanted, self.owner)
            if before is not None:
                self._forget(wanted, before)
                text = render.removal(name, family) + text
            _, listing = run(where, text, f"list table {family} {name}")
            run(where, render.listed(name, render.digest(listing), family))
        except NftError as error:
            raise DriverError(f"The rules of table {name} were refused in {_place(where)}: {error}") from error

    def drop(self, actual: HostObject) -> None:
        """Take the table away.

        Raises:
            DriverError: it is somebody else's, or nftables refused.
        """
        namespace, name = actual.namespace, actual.key[2]
        family = Family(actual.key[3]) if len(actual.key) > 3 else Family.IP
        if not exists(namespace):
            return
        if self._there(namespace, family, name) is not None:
            run(namespace, render.removal(name, family))

    def _fingerprint(self, namespace: str, name: str, listing: str) -> str | None:
        """What the table is, if it is ours."""
        seal, remark = _SEAL.search(listing), _LISTED.search(listing)
        if seal is None:
            # Without its seal it is known by its name, but only where we alone give names.
            return ALTERED if namespace != HERE and name == DEFAULT_NAME else None
        if seal[1] != self.owner:
            return None
        if remark is None or render.digest(listing[: remark.start()] + listing[remark.end() :]) != remark[1]:
            return ALTERED
        return seal[2]

    def _forget(self, wanted: Ruleset, before: str) -> None:
        """Forget the flows of addresses that change hands. No new one begins until the wanted rules are in force, and
        until then the table says who had them: whenever this is interrupted, it begins anew.
        """
        holders = {holder.address: holder.link for holder in wanted.holders}
        gone = [address for address, link in lookups.holders_in(before).items() if holders.get(address) != link]
        if gone:
            run(wanted.namespace, lookups.closing(f"{wanted.family} {wanted.name}", before, gone))
            forget(wanted.namespace, gone)

    def _there(self, namespace: str, family: Family, name: str) -> str | None:
        """The listing of such a table of ours, if there is one.

        Raises:
            DriverError: there is one, but it is somebody else's.
        """
        with _asking(namespace) as kernel:
            if (family.value, name) not in kernel.tables():
                return None
        listing = run(namespace, f"list table {family} {render.table_name(name)}")[0]
        if self._fingerprint(namespace, name, listing) is None:
            where = _place(namespace)
            raise DriverError(f"A table '{family} {name}' that is somebody else's is in {where}: rename or delete it")
        return listing


def _seen(namespace: str, family: Family, name: str, fingerprint: str) -> Seen:
    table = Ruleset(namespace=namespace, name=name, family=family)
    return Seen(namespace=namespace, kind=Ruleset, what=table.key, requires=table.needs, fingerprint=fingerprint)


@contextmanager
def _asking(namespace: str) -> Iterator[Netfilter]:
    try:
        with Netfilter(namespace) as kernel:
            yield kernel
    except OSError as error:
        raise DriverError(f"nftables could not be asked in {_place(namespace)}: {error.strerror or error}") from error


def _place(namespace: str) -> str:
    return f"the network namespace '{namespace}'" if namespace != HERE else "this network namespace"
