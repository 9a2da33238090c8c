"""Runs UPower on a machine that has a mains adapter and a battery, both made by umockdev.

Takes the path of upowerd; reads what becomes of them from stdin, a JSON object a line: {"plugged": bool, "percent": int}.
Ends, and upowerd with it, when stdin does. To be run by umockdev-wrapper.
"""

import json
import subprocess
import sys

import gi

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402

FULL = 60_000_000  # µWh

machine = UMockdev.Testbed.new()
adapter = machine.add_device('power_supply', 'AC', None, ['type', 'Mains', 'online', '1'], [])
fixed = {'type': 'Battery', 'present': '1', 'energy_full_design': FULL, 'energy_full': FULL, 'voltage_now': 12_000_000}
states = {'status': 'Charging', 'energy_now': FULL, 'power_now': 8_000_000}
attributes = [str(part) for pair in {**fixed, **states}.items() for part in pair]
battery = machine.add_device('power_supply', 'BAT0', None, attributes, [])


def become(facts):
    machine.set_attribute(adapter, 'online', '1' if facts['plugged'] else '0')
    machine.set_attribute(battery, 'status', 'Charging' if facts['plugged'] else 'Discharging')
    machine.set_attribute(battery, 'energy_now', str(FULL * facts['percent'] // 100))


# The first line is what it begins with.
become(json.loads(sys.stdin.readline()))
upower = subprocess.Popen([sys.argv[1]], stdin=subprocess.DEVNULL)
try:
    for line in sys.stdin:
        become(json.loads(line))
        machine.uevent(adapter, 'change')
        machine.uevent(battery, 'change')
finally:
    upower.kill()
    upower.wait()
