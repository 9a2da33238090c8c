import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PrivateBus, startPrivateBus } from '../demo/private-bus.js';
import type { Bus } from './bus.js';
import { connectBus } from './connect.js';
import { distributorPath, interfaceNames, introspectionXml } from './unified-push.js';

const run = promisify(execFile);
const name = 'org.unifiedpush.Distributor.test';
let directory: string;
let daemon: PrivateBus;
let server: Bus;
let client: Bus;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  daemon = await startPrivateBus({ directory });
  server = await connectBus({ address: daemon.address });
  client = await connectBus({ address: daemon.address });
  server.export(distributorPath, [
    {
      name: interfaceNames.distributor1,
      methods: {
        Register: { in: 'sss', out: 'ss', handle: ({ args }) => ['REGISTRATION_SUCCEEDED', `hello ${args[0]}`] },
        Unregister: { in: 's', out: '', handle: () => [] },
      },
      xml: introspectionXml.distributor1,
    },
    { name: interfaceNames.distributor2, methods: {}, xml: introspectionXml.distributor2 },
  ]);
  await server.requestName(name);
});

afterAll(async () => {
  await server?.close();
  await client?.close();
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function introspect(path: string): Promise<string> {
  const standard = { interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect', replySignature: 's' };
  const [xml] = await client.call({ destination: name, path, ...standard });
  return String(xml);
}

it('tells interfaces, methods and arguments by the names of the specification', async () => {
  const xml = await introspect(distributorPath);
  expect(xml).toMatch(/^<!DOCTYPE node PUBLIC/);
  for (const word of [
    'org.unifiedpush.Distributor1',
    'org.unifiedpush.Distributor2',
    'org.freedesktop.DBus.Introspectable',
    'org.freedesktop.DBus.Peer',
    'org.freedesktop.DBus.Properties',
    'serviceName',
    'registrationResultReason',
  ]) {
    expect(xml).toContain(`name="${word}"`);
  }
});

it('leads from the root to the object', async () => {
  expect(await introspect('/')).toContain('<node name="org"/>');
  expect(await introspect('/org')).toContain('<node name="unifiedpush"/>');
  expect(await introspect('/org/unifiedpush')).toContain('<node name="Distributor"/>');
});

const tools: readonly [string, readonly string[]][] = [
  ['gdbus', ['introspect', '--session', '--recurse', '--dest', name, '--object-path', '/']],
  ['busctl', ['--user', 'introspect', name, distributorPath]],
];

describe.each(tools)('%s', (tool, args) => {
  it('reads the introspection', async (context) => {
    const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: daemon.address };
    try {
      const { stdout } = await run(tool, [...args], { env });
      expect(stdout).toContain('org.unifiedpush.Distributor2');
      expect(stdout).toContain('Register');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      context.skip(`${tool} is not installed`);
    }
  });
});
