"""The application object: `flask --app run …`, `gunicorn run:app`."""

from app import create_app
from config import load_config

app = create_app(load_config())
