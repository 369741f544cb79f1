"""What `intake` compares with: Flask that reads the body and answers "ok", and nothing else."""

from __future__ import annotations

from flask import Flask, request

app = Flask(__name__)


@app.post("/<path:_path>")
def answer(_path: str) -> str:
    request.get_data()
    return "ok"
