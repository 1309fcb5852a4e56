"""The admin API on a real Unix socket, and its client."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from admin_world import World, served

from landbridge.api.admin.server import AdminProtocol, SocketInUse, listen
from landbridge.api.client import AdminClient, AdminError, NotRunning
from landbridge.control.dhcp_options import AssociateDhcpOptions, CreateDhcpOptions
from landbridge.model.network import Vpc
from landbridge.model.resolver import Resolver


def test_the_client_speaks_all_of_it(tmp_path: Path) -> None:
    world = World()
    with served(world, tmp_path), AdminClient(tmp_path) as client:
        world.furnish()
        world.steps = ("create namespace x",)
        assert client.status()["instance"] == "a1b2c3"
        assert client.plan() == ["create namespace x"]
        assert client.where("web").startswith("lb-a1b2c3-i-")
        assert client.place("web")[1] is None
        chosen = world.cloud.run(CreateDhcpOptions(("corp.example",), (IPv4Address("10.0.0.53"),)))
        world.cloud.run(AssociateDhcpOptions(chosen.id, next(world.cloud.snapshot.all(Vpc)).id))
        assert client.place("web")[1] == Resolver(("corp.example",), (IPv4Address("10.0.0.53"),))
        assert client.wait()["converged"] is True
        assert client.add_site("office", "203.0.113.77", "192.168.60.0/24")["state"] == "pending"
        with pytest.raises(AdminError, match="office is not built after 0 s"):
            client.built(lambda: client.site("office"), 0)
        builder = threading.Timer(0.1, world.build)
        builder.start()
        assert client.built(lambda: client.site("office"), 10)["state"] == "available"
        builder.join()
        assert [site["name"] for site in client.sites()] == ["office"]
        assert client.remove_site("office") == world.cloud.snapshot.revision
        client.add_host("web", "198.51.100.10")
        assert [host["name"] for host in client.hosts()] == [client.host("web")["name"]]
        client.remove_host("web")
        key = client.create_credentials("CI_KEY", "s" * 40)
        assert [k["access_key_id"] for k in client.credentials()] == [key["access_key_id"]]
        client.delete_credentials("CI_KEY")
        with pytest.raises(AdminError) as refused:
            client.delete_credentials("CI_KEY")
        assert (refused.value.status, refused.value.code) == (404, "NotFound")


def test_the_socket_is_private_and_replaces_what_a_killed_service_left(tmp_path: Path) -> None:
    first = listen(tmp_path / "admin.sock")
    assert stat.S_IMODE((tmp_path / "admin.sock").stat().st_mode) == 0o600
    with pytest.raises(SocketInUse, match="--state"):
        listen(tmp_path / "admin.sock")
    first.close()  # as kill -9 does: the file stays
    listen(tmp_path / "admin.sock").close()


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with served(World(), deep), AdminClient(deep) as client:
        assert client.status()["vpcs"] == []


def test_other_users_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdminProtocol, "allowed", frozenset({os.geteuid() + 1}))
    with (
        served(World(), tmp_path),
        AdminClient(tmp_path) as client,
        pytest.raises(AdminError, match="Only root and the service's own user") as refused,
    ):
        client.create_credentials()
    assert refused.value.status == 403


def test_what_is_no_http_gets_json(tmp_path: Path) -> None:
    with served(World(), tmp_path), socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(10)
        raw.connect(str(tmp_path / "admin.sock"))
        raw.sendall(b"\x16\x03\x01 this is no http\r\n\r\n")
        answer = b""
        while chunk := raw.recv(4096):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["code"] == "InvalidRequest"


def test_no_service_says_which_command_to_run(tmp_path: Path) -> None:
    with AdminClient(tmp_path) as client, pytest.raises(NotRunning, match="landbridge serve --state"):
        client.status()
    listen(tmp_path / "admin.sock").close()
    with AdminClient(tmp_path) as client, pytest.raises(NotRunning, match=str(tmp_path)):
        client.status()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user: run as root")
def test_no_permission_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    with served(World(), folder), AdminClient(folder) as client:
        os.seteuid(65534)
        try:
            with pytest.raises(AdminError, match="Run this as root") as refused:
                client.status()
        finally:
            os.seteuid(0)
    assert refused.value.code == "Forbidden"


def test_a_service_that_dies_in_the_middle(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "admin.sock"))
        listener.listen(1)

        def die() -> None:
            connection, _ = listener.accept()
            connection.recv(10)
            connection.close()

        thread = threading.Thread(target=die)
        thread.start()
        with AdminClient(tmp_path) as client, pytest.raises(AdminError, match="still runs"):
            client.status()
        thread.join(10)


def test_an_answer_of_somebody_else(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "admin.sock"))
        listener.listen(1)

        def babble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")

        thread = threading.Thread(target=babble)
        thread.start()
        with AdminClient(tmp_path) as client, pytest.raises(AdminError, match="different versions"):
            client.status()
        thread.join(10)


def test_offline_credentials() -> None:
    world = World()
    with AdminClient.offline(world.cloud.control, account="123456789012", region="eu-central-1") as client:
        made = client.create_credentials()
        assert [key["access_key_id"] for key in client.credentials()] == [made["access_key_id"]]
        client.delete_credentials(made["access_key_id"])
        with pytest.raises(AdminError) as refused:
            client.delete_credentials(made["access_key_id"])
    assert refused.value.status == 404
