"""Writes parquet/*.parquet and what pyarrow reads from them: parquet/rows.json (pip install pyarrow)."""
import datetime, decimal, json, pathlib
import pyarrow as pa, pyarrow.parquet as pq

here = pathlib.Path(__file__).parent / "parquet"
here.mkdir(exist_ok=True)
rows = []
for i in range(37):
    rows.append({
        "text": None if i % 11 == 3 else f"row {i % 5} " + "äöü€😀"[: i % 6] + "x" * (i % 7),
        "n": None if i % 7 == 2 else (i - 3) * 10**12,
        "m": i * i - 50,
        "f": i / 7 if i % 5 else None,
        "g": i / 4,
        "b": None if i % 9 == 8 else i % 3 == 0,
        "ids": None if i % 10 == 9 else list(range(i % 4)),
        "messages": None if i == 20 else [
            {"role": ["user", "assistant"][k % 2], "content": None if (i + k) % 8 == 7 else f"turn {k} of {i}"}
            for k in range(i % 5)],
        "deep": [[f"{a}{b}" for b in range((i + a) % 3)] if (i + a) % 4 else None for a in range(i % 3)],
        "pair": None if i % 6 == 5 else {"left": f"l{i}", "right": {"value": i if i % 2 else None}},
    })
schema = pa.schema([
    ("text", pa.string()), ("n", pa.int64()), pa.field("m", pa.int32(), nullable=False), ("f", pa.float64()),
    ("g", pa.float32()), ("b", pa.bool_()), ("ids", pa.list_(pa.int64())),
    ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("deep", pa.list_(pa.list_(pa.string()))),
    ("pair", pa.struct([("left", pa.string()), ("right", pa.struct([("value", pa.int32())]))])),
])
table = pa.Table.from_pylist(rows, schema=schema)
(here / "rows.json").write_text(json.dumps(table.to_pylist(), ensure_ascii=False, indent=0))
small = dict(row_group_size=16, data_page_size=64, write_batch_size=4)
for codec in ["none", "snappy", "zstd", "gzip"]:
    for version in ["1.0", "2.0"]:
        for dictionary in [True, False]:
            name = f"{codec}-v{version[0]}-{'dictionary' if dictionary else 'plain'}.parquet"
            pq.write_table(table, here / name, compression=codec, data_page_version=version,
                           use_dictionary=dictionary, **small)
pq.write_table(table.slice(0, 0), here / "empty.parquet")
pq.write_table(table.select(["text"]), here / "checksum.parquet", write_page_checksum=True, use_dictionary=False,
               compression="none")
pq.write_table(pa.table({"a": pa.array([1, 2**32 - 1], pa.uint32()), "b": pa.array([2, 2**63 - 1], pa.uint64()),
                         "c": pa.array([[3, 2**31]], pa.list_(pa.uint32())).take(pa.array([0, 0]))}), here / "unsigned.parquet")
pq.write_table(pa.table({"text": pa.array([2**63], pa.uint64())}), here / "large.parquet")
# What is refused, by its name.
texts = pa.table({"text": ["a", "b"]})
pq.write_table(texts, here / "brotli.parquet", compression="brotli")
pq.write_table(texts, here / "lz4.parquet", compression="lz4")
pq.write_table(texts, here / "delta.parquet", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
pq.write_table(pa.table({"text": [datetime.date(2020, 1, 1)]}), here / "date.parquet")
pq.write_table(pa.table({"text": [decimal.Decimal("1.5")]}), here / "decimal.parquet")
