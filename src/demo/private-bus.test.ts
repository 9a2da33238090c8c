import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectBus } from '../dbus/index.js';
import { MailpushError } from '../errors.js';
import { startPrivateBus } from './private-bus.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function failure(promise: Promise<unknown>): Promise<MailpushError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MailpushError);
  return error as MailpushError;
}

it('takes connections at its address until it is stopped, and leaves no socket', async () => {
  const inside = join(directory, 'a strange;name, with=signs: and 50%');
  const bus = await startPrivateBus({ directory: inside });
  const connection = await connectBus({ address: bus.address });
  expect(connection.uniqueName).toMatch(/^:\d/);
  await Promise.all([bus.stop(), bus.stop()]);
  await connection.closed;
  await expect(access(join(inside, 'bus'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(() => process.kill(bus.pid, 0)).toThrow('ESRCH');
});

it('can be started again in the same directory', async () => {
  for (const _ of [1, 2]) {
    const bus = await startPrivateBus({ directory });
    await bus.stop();
  }
});

it('says that the path is too long before anything is started', async () => {
  const long = join(directory, 'x'.repeat(100));
  expect(await failure(startPrivateBus({ directory: long }))).toMatchObject({ code: 'ERR_BUS_DIRECTORY' });
});

it('refuses a directory that others can enter', async () => {
  const open = join(directory, 'open');
  await mkdir(open);
  await chmod(open, 0o755);
  expect(await failure(startPrivateBus({ directory: open }))).toMatchObject({ code: 'ERR_BUS_DIRECTORY' });
});

it('says what to install when there is no dbus-daemon', async () => {
  const path = process.env.PATH;
  process.env.PATH = directory;
  try {
    const error = await failure(startPrivateBus({ directory }));
    expect(error).toMatchObject({ code: 'ERR_DBUS_DAEMON_MISSING', disposition: 'action-required' });
    expect(error.message).toContain('apt install dbus-daemon');
  } finally {
    process.env.PATH = path;
  }
});

it('ends when its signal is aborted', async () => {
  const controller = new AbortController();
  const bus = await startPrivateBus({ directory, signal: controller.signal });
  const connection = await connectBus({ address: bus.address });
  controller.abort();
  await connection.closed;
  await bus.stop();
  await expect(startPrivateBus({ directory, signal: controller.signal })).rejects.toThrow('aborted');
});

it('does not outlive a parent that is killed', async () => {
  const parent = await startParent(
    `import { startPrivateBus } from './demo/private-bus.js';
     const bus = await startPrivateBus({ directory: process.argv[2] });
     console.log(bus.address);
     setInterval(() => {}, 1000);`,
  );
  const [address] = (await once(parent.stdout ?? parent, 'data')) as [Buffer];
  const connection = await connectBus({ address: address.toString().trim() });
  parent.kill('SIGKILL');
  await connection.closed;
});

it('does not outlive a parent that ends without stopping it', async () => {
  const parent = await startParent(
    `import { startPrivateBus } from './demo/private-bus.js';
     const bus = await startPrivateBus({ directory: process.argv[2] });
     console.log(bus.address);
     process.stdin.once('data', () => process.exit(0));`,
  );
  const [address] = (await once(parent.stdout ?? parent, 'data')) as [Buffer];
  const connection = await connectBus({ address: address.toString().trim() });
  parent.stdin?.write('go\n');
  await connection.closed;
});

/** Node runs no TypeScript here, so the child gets what the compiler makes of the two files. */
async function startParent(script: string): Promise<ChildProcess> {
  await mkdir(join(directory, 'demo'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  for (const [source, target] of [
    ['../errors.ts', 'errors.js'],
    ['./private-bus.ts', 'demo/private-bus.js'],
  ] as const) {
    const text = await readFile(new URL(source, import.meta.url), 'utf8');
    const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
    await writeFile(join(directory, target), ts.transpileModule(text, { compilerOptions }).outputText);
  }
  await writeFile(join(directory, 'parent.js'), script);
  return spawn(process.execPath, [join(directory, 'parent.js'), join(directory, 'b')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
