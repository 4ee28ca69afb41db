"""The service's tables: the kit's, those of the facts, of the tags, of their governance and quality."""

from servicekit.kit_tables import kit_tables
from sqlalchemy import MetaData
from tagging.store.schema_events import event_type_tables
from tagging.store.schema_facts import fact_tables
from tagging.store.schema_governance import governance_tables
from tagging.store.schema_lake import lake_tables
from tagging.store.schema_portraits import portrait_tables
from tagging.store.schema_quality import quality_tables
from tagging.store.schema_tags import tag_tables

metadata = MetaData()
kit_tables(metadata)
fact_tables(metadata)
event_type_tables(metadata)
lake_tables(metadata)
tag_tables(metadata)
portrait_tables(metadata)
governance_tables(metadata)
quality_tables(metadata)
