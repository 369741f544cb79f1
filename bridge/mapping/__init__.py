"""The mapping language: YAML files that say what a webhook means, checked strictly and compiled once."""

from bridge.mapping.cases import MappingTest
from bridge.mapping.compiled import CompiledMapping
from bridge.mapping.compiling import PathUse
from bridge.mapping.events import MappedLine
from bridge.mapping.folder import MappingFolder
from bridge.mapping.load import load_mapping
from bridge.mapping.receive import OnResult, TestCode

__all__ = [
    "CompiledMapping",
    "MappedLine",
    "MappingFolder",
    "MappingTest",
    "OnResult",
    "PathUse",
    "TestCode",
    "load_mapping",
]
