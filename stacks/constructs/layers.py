"""Which functions need which layers, and which third-party packages each layer may bring into a process.

This is the one place to change when a function starts to need a heavy package; a test starts every handler with
only its layers on the path and compares what it imported with this table.
"""

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.layer_build import Target, build_layer

EVERYWHERE = ("core", "catalog")
RUNTIME = frozenset({"runtime"})
NUMERIC = frozenset({"numeric"})

# function -> layers beyond core and catalog; a function that is not named here gets the runtime layer.
NEEDS: dict[str, frozenset[str]] = {
    "telemetry_ingest": NUMERIC,  # the hot path: no powertools, pydantic or pynamodb in a cold start
    "telemetry_fold": RUNTIME | NUMERIC,
    "kpi_rollup": RUNTIME | NUMERIC,
    "kpi_query": RUNTIME | NUMERIC,
}

# layer -> top-level packages that it may bring into a process
BRINGS: dict[str, frozenset[str]] = {
    "core": frozenset({"opsloop"}),
    "catalog": frozenset({"opsloop_catalog"}),
    "runtime": frozenset(
        {
            "annotated_types",
            "aws_lambda_powertools",
            "jmespath",
            "pydantic",
            "pydantic_core",
            "pynamodb",
            "typing_extensions",
            "typing_inspection",
        }
    ),
    "numeric": frozenset({"numpy"}),
}

# what the Lambda runtime carries beside the standard library
LAMBDA_RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"})


def layer_names(function: str) -> tuple[str, ...]:
    """Return the names of the layers that ``function`` (a folder of ``functions/``) is deployed with."""
    return (*EVERYWHERE, *sorted(NEEDS.get(function, RUNTIME)))


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
