"""The AWS CLI and boto3 to CloudWatch, Prometheus to `/metrics`: as a reader's key, and without any data plane."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import Service

pytestmark = pytest.mark.timeout(240)  # each command of the AWS CLI starts another Python

TIME = ("--start-time", "2026-11-23T00:00:00Z", "--end-time", "2026-11-23T12:00:00Z")
METRIC = {"Namespace": "AWS/VPN", "MetricName": "TunnelState", "Dimensions": [{"Name": "VpnId", "Value": "vpn-1"}]}
STATE = [{"Id": "state", "MetricStat": {"Metric": METRIC, "Period": 300, "Stat": "Minimum"}}]
MATH = [{"Id": "half", "Expression": "state / 2"}]


@dataclass
class Reader:
    """The AWS CLI with a profile whose key may only read."""

    service: Service
    home: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            (sys.executable, "-m", "awscli", "--profile", "landbridge", "cloudwatch", *words, "--output", "json"),
            env={**kept, "HOME": str(self.home), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def aws(self, *words: str) -> Any:
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("metrics")
    with Service(folder / "s") as service:
        environment = {"HOME": str(folder), "AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""}
        words = ("--profile", "landbridge", "--region", "eu-central-1", "--role", "read-only")
        assert service.landbridge("credentials", "create", *words, **environment).returncode == 0
        yield Reader(service, folder)


def test_what_nothing_was_seen_of_has_no_data(reader: Reader) -> None:
    assert reader.aws("list-metrics", "--namespace", "AWS/VPN") == {"Metrics": []}
    answer = reader.aws("get-metric-data", "--metric-data-queries", json.dumps(STATE), *TIME)
    [result] = answer["MetricDataResults"]
    assert (result["Id"], result["Label"], result["Values"]) == ("state", "TunnelState", [])
    words = ("--namespace", "AWS/VPN", "--metric-name", "TunnelDataIn", "--period", "300", "--statistics", "Sum")
    assert reader.aws("get-metric-statistics", *words, *TIME) == {"Label": "TunnelDataIn", "Datapoints": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("get-metric-data", "--metric-data-queries", json.dumps(MATH), *TIME),
            "(UnsupportedOperation) when calling the GetMetricData operation: landbridge computes no metric math",
        ),
        (
            ("get-metric-data", "--metric-data-queries", json.dumps(STATE), *TIME[:2], "--end-time", TIME[1]),
            "(ValidationError) when calling the GetMetricData operation: The parameter StartTime must not equal",
        ),
        (
            (
                "get-metric-statistics",
                "--namespace",
                "AWS/VPN",
                "--metric-name",
                "TunnelState",
                "--period",
                "60",
                *TIME,
            ),
            "(InvalidParameterCombination) when calling the GetMetricStatistics operation: At least one of",
        ),
        (("list-metrics", "--next-token", "nonsense"), "(InvalidNextToken) when calling the ListMetrics operation: "),
        (("describe-alarms",), "(UnsupportedOperation) when calling the DescribeAlarms operation: landbridge does not"),
    ],
)
def test_refusals(reader: Reader, words: tuple[str, ...], said: str) -> None:
    done = reader.run(*words)
    assert said in done.stderr
    assert done.returncode != 0


def test_boto3(reader: Reader) -> None:
    cloudwatch = reader.service.client("cloudwatch")
    assert cloudwatch.list_metrics(Namespace="AWS/VPN")["Metrics"] == []
    stranger = reader.service.client("cloudwatch", aws_secret_access_key="wrong")
    with pytest.raises(stranger.exceptions.ClientError, match="SignatureDoesNotMatch"):
        stranger.list_metrics()


def test_prometheus(reader: Reader) -> None:
    by_port = urllib.request.urlopen(f"{reader.service.url}/metrics", timeout=10).read().decode()
    transport = httpx.HTTPTransport(uds=str(reader.service.state / "admin.sock"))
    with httpx.Client(transport=transport) as http:
        by_socket = http.get("http://landbridge/metrics").text
    for text in (by_port, by_socket):
        names = {family.name for family in text_string_to_metric_families(text)}
        assert {"landbridge_info", "landbridge_converged", "process_resident_memory_bytes"} <= names
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{reader.service.url}/metrics", data=b"x", timeout=10)


def test_the_documents_commands(reader: Reader) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    script = "".join(["set -euo pipefail\n", *blocks])
    script = script.replace("http://127.0.0.1:8780", reader.service.url)
    script = script.replace("/var/lib/landbridge", str(reader.service.state))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    done = subprocess.run(
        ("bash", "-c", script),
        env={**kept, "PATH": path, "AWS_SHARED_CREDENTIALS_FILE": str(reader.service.state / "credentials")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"Label": "TunnelState"' in done.stdout
    assert done.stdout.count("\nlandbridge_faults 0.0") == 2


def test_the_log_has_no_crash(reader: Reader) -> None:
    assert not any("crashed" in line or "Traceback" in line for line in reader.service.said)
