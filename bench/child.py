"""child.mjs for contestants in Python:  python child.py CLASS OPTIONS"""
import json
import os
import resource
import sys
import time

import contestants.natives as natives

name, options = sys.argv[1:]
contestant = None


def load():
    global contestant
    contestant = getattr(natives, name)(**json.loads(options))
    contestant.run()
    return contestant.info


def resources():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peakBytes": peak * (1 if sys.platform == "darwin" else 1024)}


methods = {"load": load, "resources": resources}
with os.fdopen(3, "w") as answers:
    for line in sys.stdin:
        command = json.loads(line)
        try:
            method = methods.get(command["method"]) or getattr(contestant, command["method"])
            cpu, start = time.process_time(), time.perf_counter()
            value = method(*command["args"])
            ms, cpu_ms = (1000 * (now() - then) for now, then in ((time.perf_counter, start), (time.process_time, cpu)))
            answer = {"ms": ms, "cpuMs": cpu_ms, "value": value}
        except Exception as error:
            answer = {"error": {"message": f"{type(error).__name__}: {error}"}}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
