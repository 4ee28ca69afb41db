"""Imports point one way: api, workers -> app -> domain and store/ports. Only main.py knows both sides."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "tagging", "segments", "activation")
LIBRARIES = ("servicekit", "rules", "simulator", "sandbox")

# What ports are made of: Protocols, the rows they speak of, and the wire that a channel's port speaks of. Modules of a
# service that are named so, however deep.
PORT = re.compile(r"^(store|channels)\.(.*[._])?(ports?|rows|wire|linker)$")
# What a layer may import of its own service; adapters are whatever implements a port.
ALLOWED_LAYERS = {
    "domain": {"domain"},
    "app": {"app", "domain", "errors"},
    "api": {"api", "app", "domain", "errors", "catalogue.messages", "catalogue.quality_messages"},
    "workers": {
        "workers",
        "app",
        "domain",
        "errors",
        "api.parse",
        "api.render",
        "catalogue.messages",
    },
    "store": {"store", "domain", "errors", "catalogue.messages", "catalogue.quality_messages"},
    "channels": {"channels", "domain", "errors"},
    "index": {"index", "engine", "domain", "errors"},
    "engine": {"engine", "domain"},
    "kernels": {"kernels", "domain"},
    "catalogue": {"catalogue", "domain", "errors"},
}
USERS_OF_PORTS = {"app", "api", "workers", "index"}
# What the domain must not know: the outside world and how it is spoken to.
FORBIDDEN_IN_DOMAIN = {
    "sqlalchemy",
    "google",
    "huaxiang",
    "grpc",
    "aiohttp",
    "asyncio",
    "threading",
    "random",
    "secrets",
}


def modules(service: str) -> Iterator[tuple[Path, str]]:
    source = ROOT / "services" / service / "src" / service
    for path in sorted(source.rglob("*.py")):
        yield path, ".".join(path.relative_to(source).with_suffix("").parts)


def absolute(path: Path, node: ast.ImportFrom) -> str:
    """The full name of the module that a from-import names."""
    if node.level == 0:
        return node.module or ""
    parts = path.parts[len(path.parts) - path.parts[::-1].index("src") :]
    return ".".join([*parts[: -node.level], *([node.module] if node.module else [])])


@cache
def imported(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def within(name: str, allowed: set[str]) -> bool:
    return any(
        name == layer or name.startswith(f"{layer}.") or layer.startswith(f"{name}.") for layer in allowed
    )


@pytest.mark.parametrize("service", SERVICES)
def test_layers_import_one_way(service: str) -> None:
    wrong = []
    ports = {module for _, module in modules(service) if PORT.match(module)}
    for path, module in modules(service):
        layer = module.split(".")[0]
        if layer not in ALLOWED_LAYERS:
            continue
        allowed = ALLOWED_LAYERS[layer] | (ports if layer in USERS_OF_PORTS else set())
        for name in imported(path):
            if name.startswith(f"{service}.") and not within(name.removeprefix(f"{service}."), allowed):
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_domain_is_pure(service: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for path, module in modules(service)
        if module.startswith("domain.")
        for name in imported(path)
        if name.split(".")[0] in FORBIDDEN_IN_DOMAIN or name.startswith("servicekit.database")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_services_know_each_other_only_by_contract(service: str) -> None:
    others = set(SERVICES) - {service}
    wrong = [
        f"{module} imports {name}"
        for path, module in modules(service)
        for name in imported(path)
        if name.split(".")[0] in others | {"cli", "simulator", "sandbox"}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_know_no_service(library: str) -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in sorted((ROOT / "libs" / library / "src").rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] in {*SERVICES, "cli"}
    ]
    assert not wrong, "\n".join(wrong)


def test_a_service_is_wired_only_in_main() -> None:
    wrong = []
    for service in SERVICES:
        for path, module in modules(service):
            if module in {"main", "__main__"}:
                continue
            wrong += [
                f"{service}.{module} imports {name}" for name in imported(path) if name == f"{service}.main"
            ]
    assert not wrong, "\n".join(wrong)
