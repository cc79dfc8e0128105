"""Spreads `vitreous embed -` over two of Spark's workers; prints the lines that come back as JSON.

    python spark.py FILES.json COMMAND
"""
import json
import sys

from pyspark import SparkConf, SparkContext

files = json.load(open(sys.argv[1]))
conf = SparkConf().setMaster("local[2]").set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1")
context = SparkContext(conf=conf)
context.setLogLevel("ERROR")
lines = context.parallelize(files, 2).pipe(sys.argv[2]).glom().collect()
print(json.dumps(lines))
context.stop()
