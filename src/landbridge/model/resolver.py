"""What an instance is told about name resolution, and resolv.conf(5) made of it: typed values in, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address


@dataclass(frozen=True, slots=True)
class Resolver:
    """`search`: the domains for names without a dot. `servers` empty: those of the machine.

    Domains are checked where they come in (control/dhcp_options.py): letters, digits, hyphens, underscores and dots.
    """

    search: tuple[str, ...] = ()
    servers: tuple[IPv4Address, ...] = ()

    def text(self, machines: str) -> str:
        """A resolv.conf. `machines` is the machine's own, which lends its servers where there are none."""
        return "".join(f"{line}\n" for line in self._lines(machines))

    def _lines(self, machines: str) -> Iterator[str]:
        if self.search:
            yield f"search {' '.join(self.search)}"
        for server in self.servers:
            yield f"nameserver {server}"
        if self.servers:
            return
        for line in machines.splitlines():
            word = line.split(maxsplit=1)[0] if line.strip() else ""
            if word in ("nameserver", "options", "sortlist") or (word in ("search", "domain") and not self.search):
                yield line
