"""The layers of one stack, as Lambda knows them; ``layers.py`` says who needs which."""

from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.layer_build import Target, build_layer
from stacks.constructs.layers import layer_names


class Layers(Construct):
    """The layers of one stack, each made when a function first needs it.

    Every stack makes its own versions: a version that another stack uses could never be replaced.
    """

    def __init__(self, scope: Construct, id_: str, *, target: Target) -> None:
        super().__init__(scope, id_)
        self.target = target
        self._made: dict[str, lambda_.LayerVersion] = {}

    def needed_by(self, function: str) -> list[lambda_.ILayerVersion]:
        """Return the layers of ``function``."""
        return [self._layer(name) for name in layer_names(function)]

    def folders_of(self, function: str) -> list[Path]:
        """Return the folders that the layers of ``function`` are made of."""
        return [build_layer(name, self.target) for name in layer_names(function)]

    def _layer(self, name: str) -> lambda_.LayerVersion:
        if name not in self._made:
            folder = build_layer(name, self.target)
            self._made[name] = lambda_.LayerVersion(
                self,
                name.capitalize(),
                # the folder is named by the hash of what it was made of, which makes a stable asset
                code=lambda_.Code.from_asset(str(folder), asset_hash=folder.name),
                compatible_runtimes=[runtime_of(self.target)],
                compatible_architectures=[architecture_of(self.target)],
                description=f"opsloop {name}",
            )
        return self._made[name]


def runtime_of(target: Target) -> lambda_.Runtime:
    """Return the Lambda runtime of ``target``."""
    return lambda_.Runtime(f"python{target.python}", lambda_.RuntimeFamily.PYTHON)


def architecture_of(target: Target) -> lambda_.Architecture:
    """Return the Lambda architecture of ``target``."""
    return lambda_.Architecture.ARM_64 if target.architecture == "arm64" else lambda_.Architecture.X86_64
