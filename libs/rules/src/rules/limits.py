"""How large a rule may be. Beyond any of these the error says which."""

MAX_CHARACTERS = 10_000
MAX_DEPTH = 32
MAX_LEAVES = 500

# The canonical text of a part of a rule may be longer than the part was: BETWEEN is two comparisons there.
FORM_SLACK = 2

# The longest window of each unit: three years.
MAX_WINDOW = {
    "MINUTE": 3 * 366 * 24 * 60,
    "HOUR": 3 * 366 * 24,
    "DAY": 3 * 366,
    "WEEK": 3 * 52,
    "MONTH": 36,
    "QUARTER": 12,
    "YEAR": 3,
}
MAX_WINDOW_DAYS = 3 * 366

MAX_HALF_LIFE_DAYS = 366

MAX_VALUES = 1_000  # of one IN or HAS
MAX_STEPS = 10  # of one sequence
MAX_BY = 3  # properties of one BY; an event has a key for each combination of their values
MAX_LIMIT = 2**32 - 1  # persons
