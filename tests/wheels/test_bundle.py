"""The build hook: which wheel comes out of which tree, on which machine."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from .programs import ROOT, bundle

ENGINE_FILES = {"stamp.txt", "libimageflow.so", "imageflow_tool"}


RUSTC = bundle.Toolchain("cargo", "1.93.0", "x86_64-unknown-linux-gnu")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what a clone has, never built."""
    monkeypatch.delenv("IMAGEFLOW_BUILD_EMBEDDED", raising=False)
    root = tmp_path / "clone"
    unbuilt = shutil.ignore_patterns("_native", "target", "__pycache__", "inputs")
    for name in ("engine", "imageflow_loader", "wheels", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=unbuilt)
    for name in ("pyproject.toml", "README.md", "LICENSE", "build_ffi.py"):
        shutil.copy(ROOT / name, root)
    shutil.copy(ROOT / ".gitignore", root)
    return root


def give_engine(root: Path, stamp: str) -> None:
    """Put files into *root* as a finished build with *stamp* leaves them."""
    native = root / bundle.NATIVE
    native.mkdir()
    for name in ("libimageflow.so", "imageflow_tool"):
        (native / name).write_bytes(b"\x7fELF of a test")
        (native / name).chmod(0o755)
    (native / "stamp.txt").write_text(stamp, encoding="utf-8")


def build_wheel(root: Path) -> Path:
    """Build a wheel of *root* as pip does."""
    (wheel,) = WheelBuilder(str(root)).build(
        directory=str(root / "dist"), versions=["standard"]
    )
    return Path(wheel)


def prepare_editable(root: Path) -> None:
    """Do what the hook does before an editable install of *root*."""
    hook = bundle.BundleHook(str(root), {}, None, None, str(root / "dist"), "wheel")
    hook.initialize("editable", {"artifacts": []})


def bundled(wheel: Path) -> set[str]:
    """Return the names of the engine's files in *wheel*."""
    names = map(Path, ZipFile(wheel).namelist())
    return {path.name for path in names if path.parent == Path(bundle.NATIVE)}


@pytest.fixture
def without_rust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no program on the path."""
    monkeypatch.delenv("CARGO", raising=False)
    monkeypatch.delenv("RUSTC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def needs_rust() -> None:
    """Skip without a toolchain."""
    try:
        bundle.find_toolchain()
    except bundle.NoToolchainError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("without_rust")
def test_without_cargo_the_wheel_is_pure_and_says_so_in_one_line(
    tree: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel = build_wheel(tree)

    assert wheel.name.endswith("-py3-none-any.whl")
    assert not bundled(wheel)
    said = capfd.readouterr()
    assert (said.out + said.err).splitlines() == [
        "Pure wheel, no image engine inside: cargo is not on the path"
    ]


@pytest.mark.usefixtures("without_rust")
def test_asking_for_the_engine_without_cargo_is_an_error(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEFLOW_BUILD_EMBEDDED", "1")

    with pytest.raises(SystemExit, match="=1, but cargo is not on the path"):
        build_wheel(tree)


def test_a_pure_wheel_carries_no_engine_of_an_earlier_build(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_engine(tree, "old")
    monkeypatch.setenv("IMAGEFLOW_BUILD_EMBEDDED", "0")

    assert not bundled(build_wheel(tree))
    assert (tree / bundle.NATIVE).is_dir()


def test_a_pure_editable_install_does_not_find_an_earlier_engine(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_engine(tree, "old")
    monkeypatch.setenv("IMAGEFLOW_BUILD_EMBEDDED", "0")

    prepare_editable(tree)

    assert not (tree / bundle.NATIVE).exists()


def test_a_word_other_than_0_and_1_is_an_error() -> None:
    with pytest.raises(bundle.EngineBuildError, match="is 0 or 1, not 'yes'"):
        bundle.asked_for({"IMAGEFLOW_BUILD_EMBEDDED": "yes"})


def test_an_empty_word_is_no_word() -> None:
    assert bundle.asked_for({"IMAGEFLOW_BUILD_EMBEDDED": ""}) is None


@pytest.mark.usefixtures("needs_rust")
def test_a_fresh_engine_is_bundled_for_this_platform_without_another_build(
    tree: Path,
) -> None:
    give_engine(tree, bundle.stamp_of(tree / "engine", bundle.find_toolchain()))

    wheel = build_wheel(tree)

    assert bundled(wheel) == ENGINE_FILES
    assert wheel.name.endswith(f"-py3-none-{bundle.platform_tag()}.whl")


@pytest.mark.usefixtures("needs_rust")
def test_an_editable_install_keeps_a_fresh_engine_without_another_build(
    tree: Path,
) -> None:
    give_engine(tree, bundle.stamp_of(tree / "engine", bundle.find_toolchain()))

    prepare_editable(tree)

    assert {path.name for path in (tree / bundle.NATIVE).iterdir()} == ENGINE_FILES
    assert (tree / bundle.NATIVE / "imageflow_tool").read_bytes().endswith(b"test")


@pytest.mark.usefixtures("needs_rust")
def test_the_binaries_of_a_wheel_may_be_executed(tree: Path) -> None:
    give_engine(tree, bundle.stamp_of(tree / "engine", bundle.find_toolchain()))

    with ZipFile(build_wheel(tree)) as wheel:
        (tool,) = (i for i in wheel.infolist() if i.filename.endswith("imageflow_tool"))

    assert tool.external_attr >> 16 & 0o111 == 0o111


def test_every_wheel_carries_both_licences(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEFLOW_BUILD_EMBEDDED", "0")

    with ZipFile(build_wheel(tree)) as wheel:
        (folder,) = {n.split("/")[0] for n in wheel.namelist() if ".dist-info/" in n}
        metadata = wheel.read(f"{folder}/METADATA").decode()
        ours = wheel.read(f"{folder}/licenses/LICENSE")
        engine = wheel.read(f"{folder}/licenses/engine/LICENSE")

    assert "License-Expression: MIT AND AGPL-3.0-only\n" in metadata
    assert ours.startswith(b"MIT License")
    assert b"GNU AFFERO GENERAL PUBLIC LICENSE" in engine.splitlines()[0]


def test_the_source_distribution_has_all_that_a_build_needs_and_nothing_built(
    tree: Path,
) -> None:
    give_engine(tree, "old")
    (tree / "engine" / "target").mkdir()
    (tree / "engine" / "target" / "big").touch()

    (sdist,) = SdistBuilder(str(tree)).build(directory=str(tree / "dist"))

    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {
        "pyproject.toml",
        "wheels/bundle.py",
        "engine/Cargo.toml",
        "engine/Cargo.lock",
        "engine/src/lib.rs",
        "engine/LICENSE",
        "LICENSE",
        "README.md",
    }
    built = ("imageflow_loader/_native/", "engine/target/", "engine/fuzz/target/")
    assert not {name for name in names if name.startswith(built)}


def test_a_change_in_the_engine_makes_a_new_stamp(tree: Path) -> None:
    before = bundle.stamp_of(tree / "engine", RUSTC)

    (tree / "engine" / "src" / "lib.rs").write_text("// changed\n", encoding="utf-8")

    assert bundle.stamp_of(tree / "engine", RUSTC) != before


def test_what_does_not_reach_the_binaries_leaves_the_stamp_alone(tree: Path) -> None:
    before = bundle.stamp_of(tree / "engine", RUSTC)

    (tree / "engine" / "target").mkdir()
    (tree / "engine" / "target" / "x").touch()
    (tree / "engine" / "README.md").write_text("other words\n", encoding="utf-8")

    assert bundle.stamp_of(tree / "engine", RUSTC) == before


def test_a_clone_that_another_libc_built_in_is_built_again(tree: Path) -> None:
    give_engine(tree, bundle.stamp_of(tree / "engine", RUSTC))
    musl = RUSTC._replace(host="x86_64-unknown-linux-musl")

    assert not bundle.is_fresh(
        tree / bundle.NATIVE, bundle.stamp_of(tree / "engine", musl)
    )


@pytest.mark.parametrize("gone", ["libimageflow.so", "imageflow_tool", "stamp.txt"])
def test_an_engine_that_lacks_a_file_is_built_again(tree: Path, gone: str) -> None:
    stamp = bundle.stamp_of(tree / "engine", RUSTC)
    give_engine(tree, stamp)

    (tree / bundle.NATIVE / gone).unlink()

    assert not bundle.is_fresh(tree / bundle.NATIVE, stamp)


def test_the_products_are_where_cargo_says() -> None:
    def artifact(name: str, kind: str, files: list[str], exe: str | None) -> str:
        target = {"name": name, "kind": [kind]}
        message = {"reason": "compiler-artifact", "target": target}
        return json.dumps({**message, "filenames": files, "executable": exe})

    said = [
        artifact("serde", "lib", ["/t/libserde.rlib"], None),
        json.dumps({"reason": "build-script-executed"}),
        artifact("imageflow", "cdylib", ["/t/imageflow.dll.lib", "/t/f.dll"], None),
        artifact("imageflow_tool", "bin", ["/t/tool.exe"], "/t/tool.exe"),
        json.dumps({"reason": "build-finished", "success": True}),
    ]

    assert list(bundle.products(said)) == [Path("/t/f.dll"), Path("/t/tool.exe")]


def a_cargo_that_makes_a_tool_alone(folder: Path) -> str:
    """Return a program that answers as cargo does where it drops the library."""
    target = {"name": "imageflow_tool", "kind": ["bin"]}
    tool = {"filenames": ["/t/imageflow_tool"], "executable": "/t/imageflow_tool"}
    said = json.dumps({"reason": "compiler-artifact", "target": target, **tool})
    cargo = folder / "cargo"
    cargo.write_text(f"#!/bin/sh\necho '{said}'\n")
    cargo.chmod(0o755)
    return str(cargo)


@pytest.mark.parametrize(
    "host", ["x86_64-unknown-linux-musl", "aarch64-alpine-linux-musl"]
)
def test_where_rust_makes_no_library_the_tool_is_bundled_alone(
    host: str, tmp_path: Path
) -> None:
    cargo = a_cargo_that_makes_a_tool_alone(tmp_path)
    toolchain = RUSTC._replace(cargo=cargo, host=host)

    assert bundle.build(tmp_path, toolchain) == [Path("/t/imageflow_tool")]


def test_where_rust_makes_libraries_a_build_without_one_is_an_error(
    tmp_path: Path,
) -> None:
    cargo = a_cargo_that_makes_a_tool_alone(tmp_path)

    with pytest.raises(bundle.EngineBuildError, match="Expected a library and a tool"):
        bundle.build(tmp_path, RUSTC._replace(cargo=cargo))


def test_a_build_that_fails_says_how_to_go_on_without_it(tmp_path: Path) -> None:
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\nexit 101\n")
    cargo.chmod(0o755)

    with pytest.raises(bundle.EngineBuildError, match="IMAGEFLOW_BUILD_EMBEDDED=0"):
        bundle.build(tmp_path, RUSTC._replace(cargo=str(cargo)))


def test_release_and_host_are_read_from_rustc() -> None:
    answer = "rustc 1.95.0\nhost: aarch64-apple-darwin\nrelease: 1.95.0-nightly\n"

    assert bundle.rust_facts(answer) == ("1.95.0-nightly", "aarch64-apple-darwin")


def test_an_old_toolchain_is_named_with_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rustc = tmp_path / "rustc"
    rustc.write_text("#!/bin/sh\necho 'release: 1.85.0'\necho 'host: x-y-z'\n")
    rustc.chmod(0o755)
    monkeypatch.setenv("CARGO", str(rustc))
    monkeypatch.setenv("RUSTC", str(rustc))

    with pytest.raises(
        bundle.NoToolchainError, match=r"1\.93 or newer, and .*1\.85\.0"
    ):
        bundle.find_toolchain()


def test_a_toolchain_that_does_not_start_is_no_toolchain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "rustc"
    shim.write_text("#!/bin/sh\nexit 1\n")
    shim.chmod(0o755)
    monkeypatch.setenv("CARGO", str(shim))
    monkeypatch.setenv("RUSTC", str(shim))

    with pytest.raises(bundle.NoToolchainError, match="does not start"):
        bundle.find_toolchain()


def test_the_bundled_engine_was_built_from_this_source() -> None:
    stamp = ROOT / bundle.NATIVE / "stamp.txt"
    if not stamp.is_file():
        pytest.skip("no engine is bundled in this tree")

    digest = bundle.digest(ROOT / "engine")

    assert f"engine {digest}" in stamp.read_text().splitlines(), "pip install -e . anew"
