"""Hands exported bodies to Qdrant's own models and its local mode; prints what is there and what it finds, as JSON.

    python qdrant_local.py FOLDER QUERY.json     FOLDER with collection.json and points.jsonl
"""
import json
import sys
from pathlib import Path

from qdrant_client import QdrantClient, models

folder, query = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
client = QdrantClient(":memory:")
collection = models.CreateCollection.model_validate_json((folder / "collection.json").read_text())
client.create_collection("photos", vectors_config=collection.vectors)
for line in (folder / "points.jsonl").read_text(encoding="utf-8").splitlines():
    client.upsert("photos", models.PointsList.model_validate_json(line).points)
found = client.query_points("photos", query=query, limit=10, with_payload=True).points
photos = client.query_points(
    "photos",
    query=query,
    query_filter=models.Filter(
        must=[models.FieldCondition(key="metadata.n", range=models.Range(lt=100))]
    ),
    limit=10,
).points
print(
    json.dumps(
        {
            "count": client.count("photos").count,
            "found": [{"payload": point.payload, "score": point.score} for point in found],
            "filtered": [point.payload["id"] for point in photos],
        }
    )
)
