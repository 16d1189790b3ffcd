"""Say by the exit code whether a worker was seen within three minutes, as the application counts them."""

import re
import sys
from http.client import HTTPConnection
from pathlib import Path

token = Path("/run/secrets/metrics_token").read_text().strip()
connection = HTTPConnection("app", 8000, timeout=4)
connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
seen = re.search(r"^rollcall_workers (\S+)$", connection.getresponse().read().decode(), flags=re.M)
sys.exit(0 if seen and float(seen[1]) >= 1 else "no worker was seen within three minutes")
