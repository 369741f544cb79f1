"""The mapping language: YAML files that say what a webhook means, checked strictly and compiled once."""

from bridge.mapping.compiler.loader import load_mapping
from bridge.mapping.files import SUFFIXES, mapping_files, name_of
from bridge.mapping.language.inline_tests import MappingTest
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.store import MappingFolder

__all__ = [
    "SUFFIXES",
    "CompiledMapping",
    "MappingFolder",
    "MappingTest",
    "load_mapping",
    "mapping_files",
    "name_of",
]
