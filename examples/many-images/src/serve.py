import os

from flask import Flask
from model import Model

app = Flask(__name__)


@app.get("/")
def model() -> dict[str, object]:
    return Model(name=os.environ["ROLE"], weight=2).model_dump()


print(app.test_client().get("/").json)
