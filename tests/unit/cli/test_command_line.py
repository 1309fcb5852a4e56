"""The command line: its names, its help, what it hands on, and that every failure is one sentence."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import typer
from admin_world import World

from landbridge import __version__
from landbridge.cli.program import app, run
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.keys import AccessKey, Role
from landbridge.model.options import DataPlaneChoice, LimitsChoice, ServeOptions
from landbridge.model.vpn import VpnConnection

NAMES = {
    "serve",
    "status",
    "plan",
    "why",
    "logs",
    "exec",
    "purge",
    "demo",
    "doctor",
    "version",
    "credentials create",
    "credentials list",
    "credentials delete",
    "lab site add",
    "lab site list",
    "lab site remove",
    "lab host add",
    "lab host list",
    "lab host remove",
    "ca show",
    "ca issue",
    "ca list",
    "ca revoke",
    "vpn-connection set",
    "customer-gateway up",
    "customer-gateway down",
    "customer-gateway status",
}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = sorted(commands(typer.main.get_command(app)))


def test_these_are_the_commands() -> None:
    assert {" ".join(path) for path in ALL} == NAMES


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example_of_the_command(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path, "--help"]) == 0
    assert f"Example: landbridge {' '.join(path)}" in " ".join(capsys.readouterr().out.split())


def landbridge(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "landbridge", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "dumb", **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("frobnicate",), 2, "No such command 'frobnicate'"),
        (("serve", "--listen", "nonsense"), 2, "127.0.0.1:8780"),
        (("serve", "--listen", "127.0.0.1:70000"), 2, "127.0.0.1:8780"),
        (("serve", "--data-plane", "magic"), 2, "'libipsec'"),
        (("serve", "--bfd-interval", "7"), 2, "50 to 10000 milliseconds"),
        (("serve", "--tls-cert", "gw.pem"), 2, "Give both"),
        (("serve", "--tls-key", "gw.key"), 2, "Give both"),
        (("serve", "--tls", "--tls-cert", "gw.pem", "--tls-key", "gw.key"), 2, "either"),
        (("serve", "--tls-name", "-gw.example.net"), 2, "neither a DNS name nor an address"),
        (("serve", "--tls-name", "a b"), 2, "neither a DNS name nor an address"),
        (("serve", "--limits", "none"), 2, "'relaxed'"),
        (("serve", "--crypto-policy", "any"), 2, "'cnsa'"),
        (("serve", "--uplink-mtu", "575"), 2, "greater than or equal to 576"),
        (("serve", "--uplink-mtu", "1501"), 2, "less than or equal to 1500"),
        (("lab", "site", "add", "x", "--public-address", "y", "--lan", "192.168.0.0/24"), 2, "no IPv4 address"),
        (("lab", "site", "add", "x", "--public-address", "203.0.113.7", "--lan", "192.168.0.1/24"), 2, "IPv4 prefix"),
        (("exec", "i-1"), 2, "Missing argument 'COMMAND'"),
        (("credentials", "create", "--access-key-id", "X"), 2, "Give both"),
        (("vpn-connection", "set", "vpn-1", "--state", "/nowhere"), 2, "--clear-df"),
        (("purge", "--state", "/nowhere"), 2, "add --yes"),
        (("status", "--state", "/nowhere"), 1, "landbridge serve --state /nowhere"),
        (("exec", "i-1", "--state", "/nowhere", "--", "true"), 1, "landbridge serve --state /nowhere"),
        (("customer-gateway", "up", "/nowhere.xml"), 1, "/nowhere.xml: No such file or directory."),
        (("customer-gateway", "up", "/nowhere.xml", "--wait", "0"), 2, "greater than or equal to 1"),
    ],
)
def test_a_failure_is_one_sentence(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.startswith("landbridge: ")
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_a_real_process_fails_without_a_traceback() -> None:
    done = landbridge("status", LANDBRIDGE_STATE="/nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("landbridge: No landbridge service runs at /nowhere.")
    assert done.stderr.count("\n") == 1


def test_a_state_folder_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(["credentials", "list", "--state", str(tmp_path / "file" / "folder")]) == 1
    error = capsys.readouterr().err
    assert "--state" in error
    assert "Traceback" not in error


def test_a_bug_is_a_sentence_unless_one_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("psk-hush")

    monkeypatch.setattr("landbridge.api.client.AdminClient.status", broken)
    assert run(["status", "--state", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "(KeyError)" in error
    assert "LANDBRIDGE_DEBUG=1" in error
    assert "hush" not in error
    monkeypatch.setenv("LANDBRIDGE_DEBUG", "1")
    with pytest.raises(KeyError):
        run(["status", "--state", str(tmp_path)])


def test_nothing_asked_for_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "customer-gateway" in capsys.readouterr().err


def test_help_is_quick() -> None:
    """No command's own imports are loaded for it (the time itself is the benchmarks' business)."""
    heavy = ("httpx", "rich", "sqlalchemy", "pyroute2", "starlette", "botocore", "structlog")
    script = (
        "import sys; from landbridge.cli.program import run; run(['--help']); "
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert done.stderr == "[]\n"


def test_serve_is_handed_what_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handed: list[ServeOptions] = []
    monkeypatch.setattr("landbridge.wiring.serve.serve", handed.append)
    monkeypatch.delenv("LANDBRIDGE_STATE", raising=False)
    assert run(["serve"]) == 0
    typed = ["--listen", "[::1]:0", "--state", str(tmp_path), "--data-plane", "none", "--lab", "--bfd-interval", "0"]
    typed += ["--limits", "relaxed", "--uplink-mtu", "1400", "--crypto-policy", "cnsa"]
    assert run(["serve", *typed]) == 0
    assert handed == [
        ServeOptions(),
        ServeOptions(
            host="::1",
            port=0,
            state=tmp_path,
            data_plane=DataPlaneChoice.NONE,
            lab=True,
            limits=LimitsChoice.RELAXED,
            bfd_interval=0,
            uplink_mtu=1400,
            crypto_policy=CryptoPolicy.CNSA,
        ),
    ]


def test_serve_is_handed_what_was_typed_of_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[ServeOptions] = []
    monkeypatch.setattr("landbridge.wiring.serve.serve", handed.append)
    monkeypatch.delenv("LANDBRIDGE_STATE", raising=False)
    assert run(["serve", "--tls"]) == 0
    assert run(["serve", "--tls-name", "GW.example.net", "--tls-name", "192.0.2.1"]) == 0
    assert run(["serve", "--tls-cert", "gw.pem", "--tls-key", "gw.key"]) == 0
    assert handed == [
        ServeOptions(tls=True),
        ServeOptions(tls=True, tls_names=("gw.example.net", "192.0.2.1")),
        ServeOptions(tls_cert=Path("gw.pem"), tls_key=Path("gw.key")),
    ]


def test_sites_and_hosts(state: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    site = ["office", "--public-address", "203.0.113.77", "--lan", "192.168.60.0/24"]
    assert run(["lab", "site", "add", *site, "--state", state]) == 0
    assert "host 192.168.60.10 in the namespace office-host" in capsys.readouterr().out
    assert run(["lab", "host", "add", "web", "--address", "198.51.100.10", "--state", state, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "available"
    assert run(["lab", "site", "list", "--state", state]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "office",
        "203.0.113.77",
        "192.168.60.0/24",
        "192.168.60.10",
        "available",
    ]
    assert run(["lab", "host", "list", "--json", "--state", state]) == 0
    assert [host["name"] for host in json.loads(capsys.readouterr().out)] == ["web"]
    assert run(["lab", "site", "remove", "office", "--state", state]) == 0
    assert run(["lab", "host", "remove", "web", "--state", state]) == 0
    assert run(["lab", "host", "remove", "web", "--state", state]) == 1
    assert capsys.readouterr().err == "landbridge: The host 'web' does not exist.\n"


def test_a_removal_that_does_not_end_is_said(
    state: str, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["lab", "host", "add", "web", "--address", "198.51.100.10", "--state", state])
    world.converged = False
    monkeypatch.setattr("landbridge.cli.lab.BUILD_WITHIN", 0)
    assert run(["lab", "host", "remove", "web", "--state", state]) == 1
    assert "web is removed, but" in capsys.readouterr().err


def test_how_a_connection_carries_packets(
    state: str, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.furnish()
    identity = next(world.cloud.snapshot.all(VpnConnection)).id
    assert run(["vpn-connection", "set", identity, "--clear-df", "--state", state]) == 0
    assert capsys.readouterr().out == f"{identity}: DF is cleared; ESP in UDP where there is a NAT\n"
    assert run(["vpn-connection", "set", identity, "--force-udp", "--json", "--state", state]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": identity,
        "clear_df": True,
        "force_udp": True,
        "revision": world.cloud.snapshot.revision,
    }
    world.converged = False
    monkeypatch.setattr("landbridge.cli.vpn_connection.BUILD_WITHIN", 0)
    assert run(["vpn-connection", "set", identity, "--no-clear-df", "--state", state]) == 1
    assert "not all in force yet. BIRD could not" in capsys.readouterr().err
    assert run(["vpn-connection", "set", identity, "--no-force-udp", "--no-wait", "--state", state]) == 0
    assert capsys.readouterr().out == f"{identity}: DF is left as it is; ESP in UDP where there is a NAT\n"
    assert run(["vpn-connection", "set", "vpn-1", "--clear-df", "--state", state]) == 1
    assert capsys.readouterr().err == "landbridge: The vpn-connection 'vpn-1' does not exist.\n"


def test_a_device_with_one_customer_gateway_need_not_name_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["customer-gateway", "status", "--state", str(tmp_path)]
    for there, told in (
        (0, "There is no customer gateway on this machine"),
        (2, "several connections: vpn-0, vpn-1. Name one."),
    ):
        for number in range(there):
            folder = tmp_path / "customer-gateway" / f"vpn-{number}"
            folder.mkdir(parents=True)
            (folder / "instance").touch()
        assert run(asked) == 1
        assert told in capsys.readouterr().err


def test_status_and_plan(state: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.furnish()
    assert run(["status", "--state", state]) == 0
    text = capsys.readouterr().out
    assert "tunnel 1  UP for" in text
    assert run(["status", "--state", state, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["instance"] == "a1b2c3"
    assert run(["plan", "--state", state]) == 0
    assert "nothing to do" in capsys.readouterr().out
    world.steps = ("create namespace a",)
    assert run(["plan", "--state", state]) == 0
    assert capsys.readouterr().out == "create namespace a\n"
    assert run(["plan", "--state", state, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["create namespace a"]


def test_status_in_a_pipe_that_nobody_reads_on(state: str, world: World) -> None:
    world.furnish()
    script = f"{sys.executable} -m landbridge status --json --watch --state {state} | head -n 2"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=50)
    lines = done.stdout.splitlines()
    assert [json.loads(line)["instance"] for line in lines] == ["a1b2c3"] * 2
    assert done.stderr == ""


def test_exec_enters_the_namespace_with_the_command_as_it_is(
    state: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.furnish()
    entered: list[tuple[str, list[str]]] = []

    def enter(namespace: str, command: list[str], resolver: object) -> None:
        assert resolver is None, "the VPC has no DHCP options of its own"
        entered.append((namespace, list(command)))
        raise typer.Exit(7)

    monkeypatch.setattr("landbridge.wiring.enter.enter", enter)
    assert run(["exec", "web", "--state", state, "--", "sh", "-c", "exit 7", "--", "--state", "x"]) == 7
    ((namespace, command),) = entered
    assert namespace.startswith("lb-a1b2c3-i-")
    assert command == ["sh", "-c", "exit 7", "--", "--state", "x"]


def test_keys_of_a_running_service(state: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["credentials", "create", "--state", state]) == 0
    (key,) = world.cloud.snapshot.all(AccessKey)
    assert capsys.readouterr().out == (
        f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret.reveal()}\n"
    )
    assert run(["credentials", "list", "--state", state]) == 0
    listed = capsys.readouterr().out
    assert key.id in listed
    assert key.secret.reveal() not in listed
    assert run(["credentials", "delete", key.id, "--state", state]) == 0
    assert list(world.cloud.snapshot.all(AccessKey)) == []


def test_keys_of_several_accounts(state: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["--account", "999999999999", "--role", "read-only", "--state", state]
    assert run(["credentials", "create", *typed]) == 0
    (key,) = world.cloud.snapshot.all(AccessKey)
    assert (key.account, key.role) == ("999999999999", Role.READ_ONLY)
    capsys.readouterr()
    assert run(["credentials", "list", "--state", state]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == [key.id, "999999999999", "read-only"]
    assert run(["credentials", "create", "--account", "42", "--state", state]) == 1
    assert "twelve digits" in capsys.readouterr().err
    assert run(["credentials", "create", "--role", "root", "--state", state]) == 2
    assert "'operator'" in capsys.readouterr().err


def test_a_secret_comes_from_a_file_or_from_stdin(
    state: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ["credentials", "create", "--state", state, "--json", "--access-key-id"]
    (tmp_path / "secret").write_text("f" * 40 + "\n")
    assert run([*create, "OF_FILE", "--secret-access-key-file", str(tmp_path / "secret")]) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("i" * 40 + "\n"))
    assert run([*create, "OF_STDIN", "--secret-access-key-file", "-"]) == 0
    kept = {key.id: key.secret.reveal() for key in world.cloud.snapshot.all(AccessKey)}
    assert kept == {"OF_FILE": "f" * 40, "OF_STDIN": "i" * 40}
    capsys.readouterr()
    (tmp_path / "secret").write_text("\n")
    assert run([*create, "EMPTY", "--secret-access-key-file", str(tmp_path / "secret")]) == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO("s" * 5_000))
    assert run([*create, "LONG", "--secret-access-key-file", "-"]) == 1
    assert "sss" not in capsys.readouterr().err


def test_keys_while_the_service_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The state is a real folder, opened under its lock by one process after the other."""
    made = landbridge("credentials", "create", "--json", "--state", str(tmp_path))
    assert made.returncode == 0, made.stderr
    listed = landbridge("credentials", "list", "--json", "--state", str(tmp_path))
    (key,) = json.loads(listed.stdout)
    assert key["access_key_id"] == json.loads(made.stdout)["access_key_id"]
    assert "secret_access_key" not in key


def test_the_api_alone_without_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`serve --data-plane none` for real: ready, status, a second one refused, ended by SIGTERM."""
    state = str(tmp_path)
    command = [sys.executable, "-m", "landbridge", "serve", "--data-plane", "none", "--listen", "127.0.0.1:0"]
    service = subprocess.Popen(
        [*command, "--state", state], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert service.stdout is not None
        assert service.stdout.readline().startswith("ready http://127.0.0.1:")
        assert run(["status", "--json", "--state", state]) == 0
        assert json.loads(capsys.readouterr().out)["data_plane"] == "none"
        assert run(["credentials", "list", "--json", "--state", state]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 1
        second = landbridge("serve", "--data-plane", "none", "--listen", "127.0.0.1:0", "--state", state)
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("landbridge: Another landbridge (process ")
        assert "Traceback" not in second.stderr
        service.terminate()
        assert service.wait(30) == 0
    finally:
        service.kill()
        service.wait()
    assert not (tmp_path / "admin.sock").exists()


def test_a_device_file_is_read_and_handed_on_as_a_secret(tmp_path: Path) -> None:
    from landbridge.cli import customer_gateway

    (tmp_path / "vpn.xml").write_text("<vpn_connection psk='hush'/>")
    content = customer_gateway._device_file(str(tmp_path / "vpn.xml"))
    assert content.reveal() == "<vpn_connection psk='hush'/>"
    assert "hush" not in repr(content)


def test_prefixes_off_the_command_line() -> None:
    from landbridge.cli.common import network

    assert network("10.0.0.0/8") == IPv4Network("10.0.0.0/8")
    for wrong in ("10.0.0.1/8", "10.0.0.0", "::/0", "x", "10.0.0.0/33"):
        with pytest.raises(typer.BadParameter):
            network(wrong)


def test_version() -> None:
    assert landbridge("version").stdout == f"landbridge {__version__}\n"
