"""Meta's official Node SDK on the same order: another runtime, so listed separately and never paired."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from pathlib import Path

from benchmarks import purchase
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series

VERSION = "24.0.1"
FOLDER = Path(__file__).parent.parent / ".bench" / "node-sdk"
_SCRIPT = """
const sdk = require('facebook-nodejs-business-sdk');
const {UserData, CustomData, Content, ServerEvent} = sdk;
const body = require('fs').readFileSync(0, 'utf8');
function once() {
  const o = JSON.parse(body), c = o.customer, a = o.billing_address, d = o.client_details;
  const notes = Object.fromEntries(o.note_attributes.map(n => [n.name, n.value]));
  const user = (new UserData()).setEmail(o.email).setPhone(c.phone).setFirstName(c.first_name)
    .setLastName(c.last_name).setDateOfBirth(c.date_of_birth.replace(/-/g, '')).setCity(a.city)
    .setState(a.province_code).setZip(a.zip).setCountry(a.country_code).setExternalId(String(c.id))
    .setClientIpAddress(d.browser_ip).setClientUserAgent(d.user_agent).setFbc(notes._fbc).setFbp(notes._fbp);
  const contents = o.line_items.map(i => (new Content()).setId(String(i.variant_id))
    .setQuantity(i.quantity).setItemPrice(parseFloat(i.price)));
  const custom = (new CustomData()).setValue(parseFloat(o.total_price)).setCurrency(o.currency)
    .setOrderId(String(o.id)).setContents(contents).setContentType('product')
    .setNumItems(o.line_items.reduce((n, i) => n + i.quantity, 0));
  const event = (new ServerEvent()).setEventName('Purchase').setEventId('order-' + o.id)
    .setEventTime(Math.floor(Date.parse(o.created_at) / 1000)).setEventSourceUrl(o.order_status_url)
    .setActionSource('website').setUserData(user).setCustomData(custom);
  return JSON.stringify(event.normalize());
}
for (let i = 0; i < 2000; i++) once();
const rounds = [];
for (let r = 0; r < 15; r++) {
  const before = process.cpuUsage();
  for (let i = 0; i < 1000; i++) once();
  const used = process.cpuUsage(before);
  rounds.push((used.user + used.system) / 1000);
}
console.log(JSON.stringify(rounds));
"""


def node_sdk_microseconds(part: str) -> list[Figure]:
    """Return microseconds per event, or nothing and an explanation if Node or npm is not available."""
    name = "official Node SDK (other runtime, not paired)"
    if not _is_installed():
        print(f"  skipped: {name}: npm could not install facebook-nodejs-business-sdk@{VERSION} here")
        return []
    ran = subprocess.run(
        ["node", "-e", _SCRIPT], input=purchase.BODY, cwd=FOLDER, check=False, capture_output=True
    )
    if ran.returncode:
        print(f"  skipped: {name}: {ran.stderr.decode()[-300:]}")
        return []
    rounds = json.loads(ran.stdout)
    return [
        figure(part, name, "us/event", Series(tuple(rounds)), note=f"median {statistics.median(rounds):.0f}")
    ]


def _is_installed() -> bool:
    if (FOLDER / "node_modules" / "facebook-nodejs-business-sdk").is_dir():
        return True
    if not (shutil.which("npm") and shutil.which("node")):
        return False
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = f"facebook-nodejs-business-sdk@{VERSION}"
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", wanted]
    return subprocess.run(install, cwd=FOLDER, check=False, capture_output=True).returncode == 0
