"""How much one definition may say. Beyond any of these the error says which."""

MAX_NAMES = 200
MAX_KEYS = 1_000
"""Of one name."""
MAX_ELEMENTS_OF_A_RANKING = 100
MAX_BANDS = 100
MAX_SCORE_PARTS = 100
MAX_TEMPLATE_EVENTS = 50
MAX_BASELINE_KEYS = 10_000
"""Keys of a frozen population; the rarer ones have no index."""
MAX_DAYS = 3 * 366
