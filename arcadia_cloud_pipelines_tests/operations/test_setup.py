"""The Makefile and the script that makes the environment."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from arcadia_cloud_pipelines.settings import checkout

ROOT = checkout()


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(
    "target", ["setup", "test", "demo", "up", "lint", "format", "audit", "clean"]
)
def test_every_target_is_one(target: str) -> None:
    done = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_help_is_what_make_alone_shows() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "test", "demo", "up"):
        assert f"make {target} " in done.stdout


def test_continuous_integration_runs_make_test() -> None:
    run = ROOT / ".ci" / "run"
    assert "exec make test" in run.read_text()
    assert run.stat().st_mode & 0o111


def wheel(platform: str, bootstrap: ModuleType, **extra: Any) -> dict[str, Any]:
    return {"filename": f"uv-{bootstrap.UV_VERSION}-py3-none-{platform}.whl", **extra}


def test_the_wheel_is_the_machines(bootstrap: ModuleType) -> None:
    files = [
        {"filename": "uv-0.0.1-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"},
        {"filename": f"uv-{bootstrap.UV_VERSION}.tar.gz"},
        wheel("macosx_11_0_arm64", bootstrap),
        wheel("musllinux_1_1_x86_64", bootstrap),
        wheel("manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64", bootstrap),
        wheel("manylinux_2_17_x86_64.manylinux2014_x86_64", bootstrap),
    ]
    for tag, index in (
        (("manylinux", "x86_64"), 5),
        (("manylinux", "aarch64"), 4),
        (("musllinux", "aarch64"), 4),
        (("musllinux", "x86_64"), 3),
        (("macosx", "arm64"), 2),
    ):
        assert bootstrap.choose_wheel(files, tag) is files[index]
    with pytest.raises(bootstrap.Failed, match="no uv"):
        bootstrap.choose_wheel(files, ("manylinux", "riscv64"))


@pytest.mark.parametrize("honest", [True, False])
def test_a_wheel_is_unpacked_only_if_its_digest_is_pinned(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"uv-{bootstrap.UV_VERSION}.data/scripts/uv", "#!/bin/sh\n")
    content = packed.getvalue()
    # The index itself may be the one that lies: what it says of the digest counts for nothing.
    digest = hashlib.sha256(content).hexdigest()
    file = wheel("manylinux_x86_64", bootstrap, url="uv.whl", hashes={"sha256": digest})
    monkeypatch.setattr(bootstrap, "UV_DIGESTS", frozenset({digest} if honest else ()))
    answers = {
        "https://index/simple/uv/": json.dumps({"files": [file]}).encode(),
        "https://index/simple/uv/uv.whl": content,
    }

    def urlopen(request: Any, timeout: float) -> io.BytesIO:
        return io.BytesIO(answers[getattr(request, "full_url", request)])

    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index/simple")
    monkeypatch.setattr(bootstrap, "platform_tag", lambda: ("manylinux", "x86_64"))
    monkeypatch.setattr(bootstrap.urllib.request, "urlopen", urlopen)
    if not honest:
        with pytest.raises(bootstrap.Failed, match=r"not in uv\.txt"):
            bootstrap.by_wheel(tmp_path)
        assert not (tmp_path / "wheel").exists()
        return
    program = bootstrap.by_wheel(tmp_path)
    assert program.read_text() == "#!/bin/sh\n"
    assert program.stat().st_mode & 0o111


def test_uv_is_pinned_by_digest_and_builds_with_what_it_carries(bootstrap: ModuleType) -> None:
    assert len(bootstrap.UV_DIGESTS) > 10
    assert "--require-hashes" in bootstrap.PIP_OPTIONS
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    major, minor, _ = bootstrap.UV_VERSION.split(".")
    assert backend["requires"] == [
        f"uv_build>={bootstrap.UV_VERSION},<{major}.{int(minor) + 1}"
    ]  # Another version would be fetched.


@pytest.mark.parametrize(
    "address",
    [
        "https://ann:s3cret@index.example/simple",
        "http://s3cret@10.0.0.1:8080/x",
        "error: https://__token__:pypi-s3cret@index.example/simple/uv/ is gone, see 'https://a:s3cret@b'",
        "git+ssh://git:s3cret@host/x",
    ],
)
def test_the_password_of_an_index_is_never_printed(bootstrap: ModuleType, address: str) -> None:
    assert "s3cret" not in bootstrap.without_credentials(address)
    assert "s3cret" not in str(bootstrap.Failed(address))
    assert bootstrap.without_credentials("https://index.example/a@b") == "https://index.example/a@b"


def test_the_next_way_is_tried_when_one_fails(bootstrap: ModuleType, tmp_path: Path) -> None:
    def broken(_tools: Path) -> Path:
        raise bootstrap.Failed("no ensurepip")

    def good(tools: Path) -> Path:
        program = tools / "uv"
        program.write_text(f"#!/bin/sh\necho uv {bootstrap.UV_VERSION}\n")
        program.chmod(0o755)
        return program

    assert bootstrap.get_uv(tmp_path, [broken, good]) == tmp_path / "uv"
    with pytest.raises(SystemExit, match="broken: no ensurepip"):
        bootstrap.get_uv(tmp_path, [broken])
