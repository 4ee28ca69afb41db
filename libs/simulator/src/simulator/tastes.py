"""Which items a person looks at and buys: planted preferences for a category and a brand."""

import numpy as np
from numpy.typing import NDArray

from simulator.catalogue import DOMAIN_OF_CATEGORY, Shelf, gendered_categories
from simulator.people import People


def chosen_categories(
    rng: np.random.Generator, people: People, person: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The favourite category with the person's focus, otherwise what people of that gender like."""
    other = gendered_categories(rng, people.gender[person])
    focused = rng.random(len(person)) < people.focus[person]
    return np.where(focused, people.favourite_category[person], other)


def chosen_items(
    rng: np.random.Generator,
    shelf: Shelf,
    people: People,
    person: NDArray[np.int64],
    category: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Items of each category; within the favourite domain, of the favourite brand with the person's
    loyalty."""
    items = shelf.of_category(rng, category)
    favourite_domain = DOMAIN_OF_CATEGORY[people.favourite_category[person]]
    loyal = (DOMAIN_OF_CATEGORY[category] == favourite_domain) & (
        rng.random(len(person)) < people.loyalty[person]
    )
    where = np.flatnonzero(loyal)
    items[where] = shelf.of_brand(rng, category[where], people.favourite_brand[person[where]])
    return items
