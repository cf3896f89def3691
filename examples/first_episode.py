"""Plays one episode by hand: reset, two actions, a verdict with its reasons."""

import json

import gymnasium

import mab_gym  # noqa: F401  (registers the environments)

env = gymnasium.make("mab_gym/MedAgentBench-v0")
observation, info = env.reset(options={"case": "latest_magnesium/07"})
print(observation["text"])  # the rules and the task, as a chat agent is shown them

search = "http://localhost:8080/fhir/Observation?patient=S3732812&code=MG&_sort=-date&_count=5"
observation, reward, terminated, truncated, info = env.step(f"GET {search}")
results = [entry["resource"] for entry in json.loads(observation["fhir"])["entry"]]
for result in results:
    print(result["effectiveDateTime"], result["valueQuantity"]["value"], result["status"])
newest = next(result for result in results if result["status"] != "entered-in-error")

answer = json.dumps([newest["valueQuantity"]["value"], newest["effectiveDateTime"]])
observation, reward, terminated, truncated, info = env.step(f"FINISH({answer})")
print(reward, terminated, info["verdict"]["reasons"])
