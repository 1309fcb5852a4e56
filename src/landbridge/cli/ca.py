"""`landbridge ca`: the private authority whose certificates take pre-shared keys' place in VPN connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from landbridge.cli.common import BUILD_WITHIN, AsJson, State, client, columns, print_json, progress, text_of
from landbridge.model.certificates import DEFAULT_DAYS, MAX_REQUEST
from landbridge.model.errors import Invalid, WrongState
from landbridge.model.options import DEFAULT_STATE

Arn = Annotated[str, typer.Argument(metavar="ARN", help="The certificate's, arn:aws:acm:...")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Certificates for customer gateways, instead of pre-shared keys.",
        no_args_is_help=True,
        epilog="Example: landbridge ca issue office.example.net --certificate office.pem --key office.key",
    )
    group.command(epilog="Example: landbridge ca show > authority.pem")(show)
    group.command(epilog="Example: landbridge ca issue --csr router.csr --certificate router.pem")(issue)
    group.command("list", epilog="Example: landbridge ca list")(list_)
    group.command(epilog="Example: landbridge ca revoke arn:aws:acm:us-east-1:000000000000:certificate/...")(revoke)
    app.add_typer(group, name="ca")


def show(state: State = DEFAULT_STATE) -> None:
    """Print the authority's certificate, which devices have to trust. It is made when it is first asked for."""
    with client(state) as service:
        print(service.authority(), end="")


def issue(
    certificate: Annotated[Path, typer.Option(metavar="FILE", help="Where the certificate goes (PEM).")],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A DNS name for the device; else the request's common name.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make a key and write it there, readable by its owner alone.")
    ] = None,
    csr: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="The device's own request (PKCS #10, PEM): its key stays where it is."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(metavar="N", help=f"How long it is good.  [default: {DEFAULT_DAYS}]")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="The account, twelve digits; else the service's first one.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="The region in which it can be used.  [default: us-east-1]")
    ] = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Issue a certificate for a customer's device and print its ARN, which CreateCustomerGateway takes.

    Either with a key that is made here (NAME and --key), or for a request that the device has made (--csr).
    """
    if (key is None) == (csr is None):
        raise typer.BadParameter("Give one of both.", param_hint="--key, --csr")
    if key is not None and name is None:
        raise typer.BadParameter("Say whom the certificate is for.", param_hint="NAME")
    for file in filter(None, (certificate, key)):
        if file.exists():
            raise typer.BadParameter(f"{file} exists already; nothing is overwritten.")
    request, private = _request(csr) if csr is not None else "", ""
    if key is not None:
        request, private = _made()
    with ExitStack() as files, client(state) as service:
        # Made before anything is issued: what cannot be written is not asked for.
        shown = files.enter_context(_new(certificate, 0o644))
        if key is not None:
            files.enter_context(_new(key, 0o600)).write(private)
        made = service.issue_certificate(request, name=name, days=days, account=account, region=region)
        shown.write(made["certificate"])
    if as_json:
        print_json({name: value for name, value in made.items() if name != "certificate"})
        return
    print(made["arn"])


def list_(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List the devices' certificates of all accounts and regions."""
    with client(state) as service:
        found = service.certificates()
    if as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    rows = [(each["arn"], each["name"], each["ends"][:10], _state(each, now)) for each in found]
    print(columns(("ARN", "NAME", "UNTIL", "STATE"), rows))


def _state(certificate: dict[str, Any], now: datetime) -> str:
    if certificate["revoked"]:
        return "revoked"
    return "good" if datetime.fromisoformat(certificate["ends"]) > now else "expired"


def revoke(
    arn: Arn,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Return when its tunnels are down, or at once.")
    ] = True,
    state: State = DEFAULT_STATE,
) -> None:
    """Revoke a device's certificate: tunnels that it has are closed, and it opens none any more."""
    with client(state) as service, progress("Revoking the certificate"):
        revision = service.revoke_certificate(arn)["revision"]
        if wait and not service.wait(revision, BUILD_WITHIN)["converged"]:
            raise WrongState(
                f"{arn} is revoked, but after {BUILD_WITHIN:g} s its tunnels are still being closed. "
                "`landbridge status` tells what the service is doing."
            )
    print(f"{arn} is revoked{', and its tunnels are down' if wait else ''}")


def _request(source: str) -> str:
    text = text_of(source, MAX_REQUEST)
    if len(text) > MAX_REQUEST:
        raise Invalid("csr", f"{source} is too large to be a certificate request.")
    return text


def _made() -> tuple[str, str]:
    """A request and its private key, new."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return request.public_bytes(Encoding.PEM).decode(), private.decode()


@contextmanager
def _new(path: Path, mode: int) -> Iterator[TextIO]:
    """A file that was not there before, and is not there if anything fails."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "w") as file:
        try:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
