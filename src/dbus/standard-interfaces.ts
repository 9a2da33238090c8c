import { readFile } from 'node:fs/promises';
import type { BusInterface } from './bus.js';
import { BusError, errorNames } from './errors.js';
import type { VariantDict } from './variant.js';

const doctype =
  '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n' +
  ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n';

/**
 * The interfaces that every object answers (D-Bus specification, Standard Interfaces): Introspectable over `own` and the
 * names of the child nodes, Peer, and Properties without any property.
 */
export function standardInterfaces(own: readonly BusInterface[], children: readonly string[]): readonly BusInterface[] {
  const standard: BusInterface[] = [];
  const properties = propertiesInterface(() => [...own, ...standard].map((one) => one.name));
  const introspect = (): readonly string[] => {
    const elements = [...own, ...(own.length > 0 ? [properties] : []), introspectable, peer].map((one) =>
      one.xml.trim(),
    );
    const nodes = children.map((name) => `<node name="${name}"/>`);
    return [`${doctype}<node>\n${[...elements, ...nodes].join('\n')}\n</node>\n`];
  };
  const introspectable: BusInterface = {
    name: 'org.freedesktop.DBus.Introspectable',
    methods: { Introspect: { in: '', out: 's', handle: introspect } },
    xml: introspectableXml,
  };
  standard.push(introspectable, peer, properties);
  return standard;
}

const introspectableXml = `<interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
</interface>`;

const peer: BusInterface = {
  name: 'org.freedesktop.DBus.Peer',
  methods: {
    Ping: { in: '', out: '', handle: () => [] },
    GetMachineId: { in: '', out: 's', handle: async () => [await machineId()] },
  },
  xml: `<interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
</interface>`,
};

async function machineId(): Promise<string> {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const text = await readFile(file, 'latin1').catch(() => '');
    const id = text.trim();
    if (/^[0-9a-f]{32}$/.test(id)) return id;
  }
  throw new BusError('ERR_BUS_METHOD', 'This machine has no id', { errorName: errorNames.failed });
}

function propertiesInterface(interfaceNames: () => readonly string[]): BusInterface {
  const refuse = (name: unknown): never => {
    const isKnown = name === '' || interfaceNames().includes(String(name));
    const errorName = isKnown ? errorNames.unknownProperty : errorNames.unknownInterface;
    throw new BusError('ERR_BUS_METHOD', isKnown ? 'No such property' : 'No such interface', { errorName });
  };
  const none: VariantDict = {};
  return {
    name: 'org.freedesktop.DBus.Properties',
    methods: {
      Get: { in: 'ss', out: 'v', handle: ({ args }) => refuse(args[0]) },
      Set: { in: 'ssv', out: '', handle: ({ args }) => refuse(args[0]) },
      GetAll: {
        in: 's',
        out: 'a{sv}',
        handle: ({ args: [name] }) => (name === '' || interfaceNames().includes(String(name)) ? [none] : refuse(name)),
      },
    },
    xml: `<interface name="org.freedesktop.DBus.Properties">
  <method name="Get">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="property_name" type="s" direction="in"/>
    <arg name="value" type="v" direction="out"/>
  </method>
  <method name="Set">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="property_name" type="s" direction="in"/>
    <arg name="value" type="v" direction="in"/>
  </method>
  <method name="GetAll">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="properties" type="a{sv}" direction="out"/>
  </method>
</interface>`,
  };
}
