"""The AWS CLI's files: a section comes or changes, everything else stays to the byte, and AWS's own reader agrees."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from botocore.configloader import load_config, raw_config_parse
from hypothesis import given
from hypothesis import strategies as st

from landbridge.cli.aws_profile import MARK, Files, Profile, ProfileError, check, write
from landbridge.model.errors import Conflict, Invalid
from landbridge.model.secret import Secret

SECRET = "abcdefghijklmnopqrstuvwxyz0123456789ABCD"

CREDENTIALS = """\
# my keys
[default]
aws_access_key_id=AKIADEFAULT
aws_secret_access_key = one/two+three

[work]   ; the other account
aws_access_key_id = AKIAWORK
aws_secret_access_key = x=y
aws_session_token = t

"""
CONFIG = """\
[default]
region = us-east-1

; for S3
[profile work]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
  endpoint_url = http://127.0.0.1:9000
output = json

[sso-session corp]
sso_region = us-east-1
"""


def profile(name: str = "landbridge", **given: str | None) -> Profile:
    settings: dict[str, str | None] = {
        "access_key_id": "LKIATEST",
        "endpoint_url": "http://127.0.0.1:8780",
        "ca_bundle": "",
        "region": None,
    }
    return Profile(name=name, secret_access_key=Secret(SECRET), **(settings | given))  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path / "credentials", tmp_path / "config")
    made.credentials.write_text(CREDENTIALS)
    made.config.write_text(CONFIG)
    return made


def seen(files: Files, name: str = "landbridge") -> tuple[dict[str, str], dict[str, str]]:
    """The profile as botocore reads it."""
    keys, settings = raw_config_parse(str(files.credentials)), load_config(str(files.config))["profiles"]
    return dict(keys[name]), dict(settings[name])


def test_a_new_profile_in_new_files(tmp_path: Path) -> None:
    files = Files.of(
        {"HOME": "x", "AWS_SHARED_CREDENTIALS_FILE": f"{tmp_path}/a/c", "AWS_CONFIG_FILE": f"{tmp_path}/a/d"}
    )
    assert check(files, "landbridge", force=False) == ""
    write(files, profile())
    assert files.credentials.read_text() == (
        f"[landbridge]\n{MARK}\naws_access_key_id = LKIATEST\naws_secret_access_key = {SECRET}\n"
    )
    assert files.config.read_text() == (
        f"[profile landbridge]\n{MARK}\nregion = us-east-1\nendpoint_url = http://127.0.0.1:8780\n"
    )
    assert stat.S_IMODE(files.config.parent.stat().st_mode) == 0o700
    for path in (files.credentials, files.config):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {path.name for path in files.config.parent.iterdir()} == {"c", "d"}


def test_the_usual_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Files.of({}) == Files(tmp_path / ".aws" / "credentials", tmp_path / ".aws" / "config")
    assert Files.of({"AWS_CONFIG_FILE": "~/elsewhere"}).config == tmp_path / "elsewhere"


def test_other_profiles_and_comments_stay_to_the_byte(files: Files) -> None:
    write(files, profile(region="eu-central-1", ca_bundle="/var/lib/land bridge/ca.pem"))
    assert files.credentials.read_text().startswith(CREDENTIALS)
    assert files.config.read_text().startswith(CONFIG)
    keys, settings = seen(files)
    assert keys == {"aws_access_key_id": "LKIATEST", "aws_secret_access_key": SECRET}
    assert settings == {
        "region": "eu-central-1",
        "endpoint_url": "http://127.0.0.1:8780",
        "ca_bundle": "/var/lib/land bridge/ca.pem",
    }


def test_once_more_changes_ours_and_keeps_what_was_added_to_it(files: Files) -> None:
    write(files, profile(region="eu-central-1", ca_bundle="/ca.pem"))
    with files.config.open("a") as file:
        file.write("# mine\noutput = table\ns3 =\n  region = none\n\n# about the next\n[profile next]\nregion = x\n")
    assert check(files, "landbridge", force=False) == "LKIATEST"
    write(files, profile(access_key_id="LKIANEW", endpoint_url="https://gw:1"))
    text = files.config.read_text()
    assert text.endswith(
        f"[profile landbridge]\n{MARK}\nregion = eu-central-1\nendpoint_url = https://gw:1\n"
        "# mine\noutput = table\ns3 =\n  region = none\n\n# about the next\n[profile next]\nregion = x\n"
    )
    assert files.credentials.read_text().count(MARK) == 1
    assert seen(files)[0]["aws_access_key_id"] == "LKIANEW"
    again = files.config.read_text()
    write(files, profile(access_key_id="LKIANEW", endpoint_url="https://gw:1"))
    assert files.config.read_text() == again


@pytest.mark.parametrize("name", ["work", "default"])
def test_a_profile_of_somebody_else_is_left_alone_unless_forced(files: Files, name: str) -> None:
    with pytest.raises(Conflict, match=f"a profile '{name}' in .*credentials already.*--force"):
        check(files, name, force=False)
    assert (files.credentials.read_text(), files.config.read_text()) == (CREDENTIALS, CONFIG)
    assert check(files, name, force=True) == ""
    write(files, profile(name))
    keys, settings = seen(files, name)
    assert keys == {"aws_access_key_id": "LKIATEST", "aws_secret_access_key": SECRET}, "no session token of before"
    assert set(settings) == {"region", "endpoint_url"}
    assert "; for S3" in files.config.read_text()
    assert "[sso-session corp]\nsso_region = us-east-1\n" in files.config.read_text()
    assert check(files, name, force=False) == "LKIATEST", "now it is ours"


def test_a_name_taken_in_the_other_file_only(files: Files) -> None:
    files.credentials.write_text("")
    with pytest.raises(Conflict, match="config already"):
        check(files, "work", force=False)


@pytest.mark.parametrize("header", ["[profile landbridge]", '[profile "landbridge"]', "[profile   'landbridge']"])
def test_every_way_to_write_a_name(files: Files, header: str) -> None:
    files.config.write_text(f"{header}\nregion = x\n")
    with pytest.raises(Conflict):
        check(files, "landbridge", force=False)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a]", "[x", "a\nb", "x" * 65, "ü", "a/b"])
def test_what_is_no_name(files: Files, name: str) -> None:
    with pytest.raises(Invalid):
        check(files, name, force=False)


def test_modes_and_links_stay(files: Files, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    files.config.rename(real)
    files.config.symlink_to(real)
    real.chmod(0o640)
    write(files, profile())
    assert files.config.is_symlink()
    assert "landbridge" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away: run as root")
def test_new_files_are_the_folders_owners(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    files = Files(tmp_path / ".aws" / "credentials", tmp_path / ".aws" / "config")
    write(files, profile())
    for path in (files.config.parent, files.config, files.credentials):
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ends_of_lines_stay(files: Files, end: str) -> None:
    files.config.write_bytes(CONFIG.replace("\n", end).encode())
    write(files, profile())
    text = files.config.read_bytes().decode()
    assert text.startswith(CONFIG.replace("\n", end))
    assert text.count(end) == text.count("\n")
    assert seen(files)[1]["region"] == "us-east-1"


def test_a_last_line_without_an_end(files: Files) -> None:
    files.config.write_text(CONFIG.rstrip("\n"))
    write(files, profile())
    assert files.config.read_text().startswith(CONFIG + "\n[profile landbridge]\n")


@pytest.mark.parametrize(
    "content", [b"not an ini file\n", b"[a]\nx\n", b"[a]\n[a]\n", b"\xff\xfe", b"\xef\xbb\xbf[a]\n", b"#" * (1 << 21)]
)
def test_a_file_that_is_not_understood_is_left_alone(files: Files, content: bytes) -> None:
    files.config.write_bytes(content)
    with pytest.raises(ProfileError, match=str(files.config)):
        check(files, "landbridge", force=True)
    with pytest.raises(ProfileError):
        write(files, profile())
    assert files.config.read_bytes() == content
    assert files.credentials.read_text() == CREDENTIALS


def test_a_device_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no regular file"):
        check(Files(tmp_path / "credentials", Path(os.devnull)), "landbridge", force=False)


@pytest.mark.parametrize("existed", [True, False])
def test_both_or_none(files: Files, existed: bool) -> None:
    if not existed:
        files.config.unlink()
    files.credentials.unlink()
    files.credentials.mkdir()  # found out of place only when it comes to writing
    with pytest.raises(ProfileError):
        write(files, profile())
    assert (files.config.read_text() == CONFIG) if existed else not files.config.exists()


def test_no_refusal_repeats_a_secret(files: Files) -> None:
    files.credentials.write_text(f"[landbridge]\naws_secret_access_key {SECRET}\n")
    with pytest.raises(ProfileError) as refused:
        check(files, "landbridge", force=False)
    assert SECRET not in str(refused.value) + repr(refused.value) + repr(profile())


def test_a_path_that_the_form_cannot_hold(files: Files) -> None:
    with pytest.raises(ProfileError, match="plain names"):
        write(files, profile(ca_bundle="/a\n[default]\nb"))
    assert files.config.read_text() == CONFIG


SECTIONS = st.lists(
    st.tuples(
        st.text("abcxyz -_", min_size=1, max_size=8).map(str.strip).filter(bool),
        st.dictionaries(st.text("abcxyz_", min_size=1, max_size=6), st.text("abc =:#;[]xyz", max_size=10), max_size=3),
        st.sampled_from(["", "\n", "# note\n", "; note\n\n"]),
    ),
    unique_by=lambda section: section[0],
    max_size=4,
)


def as_text(sections: list[tuple[str, dict[str, str], str]], kind: str, end: str) -> str:
    return "".join(
        f"[{kind} {name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()) + tail
        for name, settings, tail in sections
    ).replace("\n", end)


@given(before=SECTIONS, after=SECTIONS, end=st.sampled_from(["\n", "\r\n"]))
def test_whatever_else_is_in_a_file_stays(
    before: list[tuple[str, dict[str, str], str]],
    after: list[tuple[str, dict[str, str], str]],
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("aws")
    files = Files(folder / "credentials", folder / "config")
    first, last = as_text(before, "profile", end), as_text(after, "services", end)
    files.config.write_bytes(first.encode())
    write(files, profile(region="eu-central-1"))
    with files.config.open("ab") as file:
        file.write(last.encode())
    write(files, profile(region="eu-west-1"))
    written = files.config.read_bytes().decode()
    assert written.startswith(first)
    assert written.endswith(last)
    assert load_config(str(files.config))["profiles"]["landbridge"]["region"] == "eu-west-1"
