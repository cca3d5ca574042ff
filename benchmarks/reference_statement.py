"""Step: the same events by one DuckDB statement, written by hand around the mapping's expressions.

It reads the same lines, which come in order of time and keep it, computes the same columns, keeps
the raw text and a hash, and writes zstd Parquet in row groups, with the threads and the memory that
Tocsin has. It keeps no duplicates out, refuses nothing, commits nothing: it is the most that one
could ask for.
"""

import json
import sys
import time
from pathlib import Path

import duckdb

from tocsin.run.wiring import load_mappings


def main(path: str, folder: str) -> None:
    mapping = load_mappings()["aws.cloudtrail"]
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "512MB"})
    for statement in (
        "SET TimeZone = 'UTC'",
        "SET disabled_optimizers = 'in_clause'",
        *mapping._macros,
    ):
        connection.execute(statement)
    target = Path(folder) / "reference.parquet"
    # The raw text travels through the statement where Tocsin has the number of the row.
    statement = f"""
        COPY (
            WITH feed AS (
                SELECT json::VARCHAR AS "row number", json::VARCHAR AS "raw text",
                       now()::TIMESTAMP AS "received time"
                FROM read_ndjson_objects('{path}', maximum_object_size=2000000)
            ), mapped AS ({mapping._sql})
            SELECT 'evt_' || md5("row number") AS event_uid, 'aws.cloudtrail' AS source,
                   time::DATE AS day, "row number" AS raw_data, * EXCLUDE ("row number")
            FROM mapped
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20000)
    """
    began = time.monotonic()
    connection.execute(statement)
    print(json.dumps({"seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
