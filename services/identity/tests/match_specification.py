"""A matching model's specification and bands, as the registry keeps them."""

import json

import yaml
from identity.standards.load_matching import load_match_standards

_WANTED = ("columns", "lists", "comparisons", "blocks", "training")
SPECIFICATION = json.dumps(
    {
        name: value
        for name, value in yaml.safe_load(load_match_standards().document).items()
        if name in _WANTED
    }
)
BANDS = '{"auto": 10, "review": 0, "mean": 0, "absent": -5, "max_rows": 20}'
