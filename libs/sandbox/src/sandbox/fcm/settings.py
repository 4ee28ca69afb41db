"""What the stand-in for FCM is told: projects, devices, limits."""

from dataclasses import dataclass

from sandbox.directory import Directory
from sandbox.document import Reader


@dataclass(frozen=True, slots=True)
class Project:
    project_id: str
    client_email: str
    public_key: str
    """PEM, of the service account's key."""
    apns_key: bool
    """Without it a message to an Apple device is refused with THIRD_PARTY_AUTH_ERROR."""


@dataclass(frozen=True, slots=True)
class FcmSettings:
    projects: dict[str, Project]
    """By project_id."""
    devices: Directory
    """`gone` have uninstalled the app: UNREGISTERED."""
    foreign: frozenset[str]
    """Registration tokens of another sender."""
    apple: frozenset[str]
    """Registration tokens of Apple devices."""
    calls_per_minute: int
    token_s: float


def read(reader: Reader) -> FcmSettings:
    """Read the section `fcm`; problems go to the reader."""
    settings = FcmSettings(
        projects={each.project_id: each for each in map(_project, reader.mappings("projects"))},
        devices=Directory.read(reader.mapping("devices")),
        foreign=frozenset(reader.texts("foreign")),
        apple=frozenset(reader.texts("apple")),
        calls_per_minute=reader.whole("calls_per_minute", 600_000, low=1),
        token_s=reader.number("token_s", 3_600.0, low=1.0, high=3_600.0),
    )
    reader.close()
    return settings


def _project(reader: Reader) -> Project:
    project = Project(
        project_id=reader.text("project_id"),
        client_email=reader.text("client_email"),
        public_key=reader.text("public_key"),
        apns_key=reader.flag("apns_key", True),
    )
    reader.close()
    return project
