"""Says what the requirements files brought."""

from importlib.metadata import version

import flask
import numpy

app = flask.Flask(__name__)


@app.get("/")
async def index():
    return {"sum": int(numpy.arange(5).sum())}


if __name__ == "__main__":
    print(app.test_client().get("/").json, "flask", version("flask"))
