"""Starts the service, asks it once, and ends: an example has to end by itself."""

import json
import threading
import time
import urllib.request

import pandas
import uvicorn
from fastapi import FastAPI

app = FastAPI()
SALES = pandas.DataFrame({"city": ["Oslo", "Lima", "Oslo"], "sold": [3, 4, 5]})


@app.get("/sold")
def sold() -> dict[str, int]:
    return {str(city): int(count) for city, count in SALES.groupby("city")["sold"].sum().items()}


if __name__ == "__main__":
    server = uvicorn.Server(uvicorn.Config(app, port=8000, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    with urllib.request.urlopen("http://127.0.0.1:8000/sold") as answer:
        print(json.load(answer))
