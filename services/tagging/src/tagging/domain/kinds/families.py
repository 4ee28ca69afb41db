"""Every kind that says itself how it is computed."""

from typing import TypeAlias

from .aipl import AiplKind
from .arithmetic import ArithmeticKind
from .bands import BandsKind
from .preference import PreferenceKind
from .scene_group import SceneGroupKind
from .score import ScoreKind
from .sql import SqlKind
from .told import ImportedKind, ManualKind
from .top_n import TopNKind
from .user_state import UserStateKind

Computed: TypeAlias = (
    TopNKind
    | BandsKind
    | ArithmeticKind
    | PreferenceKind
    | UserStateKind
    | SceneGroupKind
    | ScoreKind
    | AiplKind
    | ImportedKind
    | ManualKind
    | SqlKind
)
COMPUTED: tuple[type[Computed], ...] = (
    TopNKind,
    BandsKind,
    ArithmeticKind,
    PreferenceKind,
    UserStateKind,
    SceneGroupKind,
    ScoreKind,
    AiplKind,
    ImportedKind,
    ManualKind,
    SqlKind,
)
WEIGHTED = (TopNKind, PreferenceKind, SceneGroupKind)
"""Those whose lists may carry weights."""
Told: TypeAlias = ImportedKind | ManualKind
TOLD = (ImportedKind, ManualKind)
"""Those whose values somebody states."""
