"""The model of Splink's own documentation for historical persons ("Linking a dataset of real historical persons"), as
it stands there but for a seed: the peer of benches/matching.py. Nothing in it is ours to tune.
"""

import logging
from typing import Any

import pyarrow as pa

THRESHOLD = 0.95
"""The match probability that the example clusters at."""


def clusters(records: list[dict[str, Any]], threads: int, seed: int) -> dict[int, str]:
    """The cluster of each record by position."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    wanted = ("unique_id", "first_name", "surname", "dob", "birth_place", "postcode_fake", "occupation")
    columns: dict[str, list[Any]] = {name: [record[name] for record in records] for name in wanted}
    columns["first_name_surname_concat"] = [
        f"{record['first_name']} {record['surname']}" if record["first_name"] and record["surname"] else None
        for record in records
    ]
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("substr(first_name,1,3)", "substr(surname,1,4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("substr(postcode_fake,1,3)", "dob"),
            block_on("substr(postcode_fake,1,3)", "first_name"),
            block_on("substr(postcode_fake,1,3)", "surname"),
            block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ],
        comparisons=[
            cl.ForenameSurnameComparison(
                "first_name", "surname", forename_surname_concat_col_name="first_name_surname_concat"
            ),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
    )
    linker = Linker(
        DuckDBAPI(duckdb.connect(config={"threads": threads})).register(pa.table(columns)),
        settings,
        log_level=None,
    )
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [
            block_on("first_name", "surname", "dob"),
            block_on("substr(first_name,1,2)", "surname", "substr(postcode_fake,1,2)"),
            block_on("dob", "postcode_fake"),
        ],
        recall=0.6,
    )
    training.estimate_u_using_random_sampling(max_pairs=1e7, seed=seed)
    for block in (block_on("first_name", "surname"), block_on("dob")):
        training.estimate_parameters_using_expectation_maximisation(
            block, estimate_without_term_frequencies=True
        )
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(
        linker.inference.predict(), threshold_match_probability=THRESHOLD
    )
    cluster_of = {row["unique_id"]: row["cluster_id"] for row in found.as_record_list()}
    return {position: cluster_of[record["unique_id"]] for position, record in enumerate(records)}
