import { setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PrivateBus, startPrivateBus } from '../demo/private-bus.js';
import type { Bus, BusInterface, MethodCall, NameOwnerChange } from './bus.js';
import { connectBus } from './connect.js';
import { BusError, errorNames } from './errors.js';

let directory: string;
let daemon: PrivateBus;
const open = new Set<Bus>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  daemon = await startPrivateBus({ directory });
});

afterEach(async () => {
  await Promise.all([...open].map((bus) => bus.close()));
  open.clear();
});

afterAll(async () => {
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function connect(address = daemon.address): Promise<Bus> {
  const bus = await connectBus({ address });
  open.add(bus);
  return bus;
}

const calls: MethodCall[] = [];

const example: BusInterface = {
  name: 'org.example.Test1',
  methods: {
    Echo: { in: 'a{sv}', out: 'a{sv}', handle: ({ args }) => args },
    Everything: { in: 'ybnqiuxtdsogayasa{ss}(sav)v', out: 'ybnqiuxtdsogayasa{ss}(sav)v', handle: ({ args }) => args },
    Who: { in: '', out: 's', handle: ({ sender }) => [sender] },
    Note: {
      in: 's',
      out: '',
      handle: (call) => {
        calls.push(call);
        return [];
      },
    },
    Later: { in: 's', out: 's', handle: async ({ args }) => await Promise.resolve(args) },
    Never: { in: '', out: '', handle: () => new Promise(() => {}) },
    Refuse: {
      in: '',
      out: '',
      handle: () => {
        throw new BusError('ERR_TEST', 'Not for you', { errorName: errorNames.accessDenied });
      },
    },
    Crash: {
      in: '',
      out: '',
      handle: () => {
        throw new Error('a secret from the inside');
      },
    },
    CrashLater: { in: '', out: '', handle: () => Promise.reject('not even an error') },
    Misfit: { in: '', out: 'u', handle: () => ['not a number'] },
    Big: { in: 'u', out: 's', handle: ({ args }) => ['x'.repeat(Number(args[0]))] },
  },
  xml: '<interface name="org.example.Test1"><method name="Who"><arg name="name" type="s" direction="out"/></method></interface>',
};

async function pair(): Promise<{ server: Bus; client: Bus; call: Caller }> {
  const [server, client] = await Promise.all([connect(), connect()]);
  server.export('/org/example/Test', [example]);
  const call: Caller = (member, signature = '', args = [], more = {}) =>
    client.call({
      destination: server.uniqueName,
      path: '/org/example/Test',
      interface: 'org.example.Test1',
      member,
      signature,
      args,
      ...more,
    });
  return { server, client, call };
}

type Caller = (
  member: string,
  signature?: string,
  args?: readonly unknown[],
  more?: Partial<Parameters<Bus['call']>[0]>,
) => Promise<readonly unknown[]>;

async function failure(promise: Promise<unknown>): Promise<BusError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BusError);
  return error as BusError;
}

describe('a call', () => {
  it('carries every type both ways', async () => {
    const { call } = await pair();
    const values = [
      255,
      true,
      -32768,
      65535,
      -2147483648,
      4294967295,
      -9223372036854775807n,
      18446744073709551615n,
      -0.5,
      'Grüße 👋',
      '/org/example',
      'a{sv}',
      Uint8Array.from({ length: 256 }, (_, index) => index),
      ['a', ''],
      { key: 'value', __proto: 'x' },
      [
        'in a struct',
        [
          { signature: 's', value: 'x' },
          { signature: 'u', value: 7 },
        ],
      ],
      { signature: 'a{sv}', value: { inner: { signature: 'ay', value: new Uint8Array([0, 1]) } } },
    ];
    expect(await call('Everything', 'ybnqiuxtdsogayasa{ss}(sav)v', values)).toEqual(values);
  });

  it('keeps keys that mean something to JavaScript as plain keys', async () => {
    const { call } = await pair();
    const dict = Object.fromEntries(
      ['__proto__', 'constructor', 'toString'].map((key) => [key, { signature: 's', value: key }]),
    );
    const [echo] = await call('Echo', 'a{sv}', [dict]);
    expect(Object.keys(echo as object)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(echo)).toBeNull();
  });

  it('tells the handler who calls', async () => {
    const { call, client } = await pair();
    expect(await call('Who')).toEqual([client.uniqueName]);
  });

  it('goes both ways at once on one connection', async () => {
    const { server, client, call } = await pair();
    client.export('/org/example/Test', [example]);
    const back = server.call({
      destination: client.uniqueName,
      path: '/org/example/Test',
      interface: 'org.example.Test1',
      member: 'Who',
    });
    expect(await Promise.all([call('Who'), back])).toEqual([[client.uniqueName], [server.uniqueName]]);
  });

  it('gets its own answer among hundreds', async () => {
    const { call } = await pair();
    const texts = Array.from({ length: 200 }, (_, index) => `call ${index}`);
    const replies = await Promise.all(texts.map((text) => call('Later', 's', [text])));
    expect(replies).toEqual(texts.map((text) => [text]));
  });

  it('is refused before it is sent when an argument does not fit', async () => {
    const { call } = await pair();
    for (const [signature, args] of [
      ['s', [7]],
      ['s', ['nul\0']],
      ['o', ['no path']],
      ['u', [-1]],
      ['ay', ['text']],
      ['s', []],
      ['?', ['x']],
      ['h', [0]],
      ['a{sv}', [{ key: 'not a variant' }]],
      ['a{sv}', [undefined]],
    ] as const) {
      expect((await failure(call('Echo', signature, args))).code, signature).toBe('ERR_BUS_ARGUMENT');
    }
    expect(await call('Who')).toHaveLength(1);
  });

  it('is refused when the destination is no bus name', async () => {
    const { call } = await pair();
    expect((await failure(call('Who', '', [], { destination: 'nonsense' }))).code).toBe('ERR_BUS_ARGUMENT');
  });

  it('ends at its deadline, and a late reply harms nothing', async () => {
    const { call } = await pair();
    const error = await failure(call('Never', '', [], { timeoutMs: 1 }));
    expect(error).toMatchObject({ code: 'ERR_BUS_TIMEOUT', disposition: 'transient' });
    expect(await call('Who')).toHaveLength(1);
  });

  it('ends when its signal is aborted', async () => {
    const { call } = await pair();
    const controller = new AbortController();
    const pending = call('Never', '', [], { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(pending).rejects.toThrow('enough');
  });

  it('tells a reply of another form from the one that was asked for', async () => {
    const { call } = await pair();
    expect((await failure(call('Who', '', [], { replySignature: 'u' }))).code).toBe('ERR_BUS_REPLY');
  });

  it('skips a reply that is too big, and the connection goes on', async () => {
    const { call } = await pair();
    expect((await failure(call('Big', 'u', [2_000_000]))).code).toBe('ERR_BUS_REPLY');
    const [text] = await call('Big', 'u', [1_000_000]);
    expect(text).toHaveLength(1_000_000);
  });
});

describe('an incoming call', () => {
  const cases: readonly [string, string, Partial<Parameters<Bus['call']>[0]>][] = [
    ['an unknown method', errorNames.unknownMethod, { member: 'Nothing' }],
    ['a method named like a property of every object', errorNames.unknownMethod, { member: 'toString' }],
    ['an unknown interface', errorNames.unknownInterface, { interface: 'org.example.Other' }],
    ['an unknown object', errorNames.unknownObject, { path: '/org/nowhere' }],
    ['a wrong signature', errorNames.invalidArgs, { signature: 's', args: ['too much'] }],
  ];
  it.each(cases)('for %s is answered with the standard error', async (_, errorName, more) => {
    const { call } = await pair();
    expect((await failure(call('Who', '', [], more))).errorName).toBe(errorName);
  });

  it('that its handler refuses is answered with the handler’s error', async () => {
    const { call } = await pair();
    expect(await failure(call('Refuse'))).toMatchObject({ errorName: errorNames.accessDenied, detail: 'Not for you' });
  });

  it.each(['Crash', 'CrashLater', 'Misfit'])(
    'whose handler fails (%s) learns nothing about the inside',
    async (member) => {
      const { call } = await pair();
      expect(await failure(call(member))).toMatchObject({ errorName: errorNames.failed, detail: 'Internal error' });
    },
  );

  it('of more than 64 KiB is refused, of any size, and the connection goes on', async () => {
    const { call } = await pair();
    for (const size of [70_000, 3_000_000]) {
      const error = await failure(call('Note', 's', ['x'.repeat(size)]));
      expect(error.errorName).toBe(errorNames.limitsExceeded);
    }
    await call('Note', 's', ['small']);
    expect(calls.at(-1)?.args).toEqual(['small']);
  });

  it('is refused when its caller has too many under way, or all callers have', async () => {
    const { server, call } = await pair();
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const to = { destination: server.uniqueName, path: '/org/example/Test', interface: 'org.example.Test1' };
    const keepBusy = (bus: Bus): Promise<unknown>[] =>
      Array.from({ length: 256 }, () =>
        bus.call({ ...to, member: 'Never', signal: controller.signal }).catch(() => {}),
      );
    const callers = await Promise.all([connect(), connect(), connect(), connect()]);
    const never: Promise<unknown>[] = [];
    for (const caller of callers) {
      expect(await call('Who'), 'another caller').toHaveLength(1);
      never.push(...keepBusy(caller));
      const error = await failure(caller.call({ ...to, member: 'Who' }));
      expect(error).toMatchObject({ errorName: errorNames.limitsExceeded, disposition: 'transient' });
    }
    expect(await failure(call('Who'))).toMatchObject({ errorName: errorNames.limitsExceeded });
    controller.abort();
    await Promise.all(never);
  });
});

describe('a name', () => {
  it('has an owner once it is requested, and none after that connection ends', async () => {
    const { server, client } = await pair();
    expect(await client.nameOwner('org.example.Named')).toBeUndefined();
    await server.requestName('org.example.Named');
    await server.requestName('org.example.Named');
    expect(await client.nameOwner('org.example.Named')).toBe(server.uniqueName);
    expect(await client.listNames()).toContain('org.example.Named');
    await server.close();
    expect(await client.nameOwner('org.example.Named')).toBeUndefined();
  });

  it('that is taken is not queued for', async () => {
    const { server, client } = await pair();
    await server.requestName('org.example.Taken');
    const error = await failure(client.requestName('org.example.Taken'));
    expect(error).toMatchObject({ code: 'ERR_BUS_NAME_TAKEN', disposition: 'action-required' });
    await server.close();
    expect(await client.nameOwner('org.example.Taken')).toBeUndefined();
  });

  it('that is malformed or unique cannot be requested', async () => {
    const { client } = await pair();
    for (const name of ['', 'nodot', ':1.5', 'org..x', 'org.example.ü']) {
      expect((await failure(client.requestName(name))).code, name).toBe('ERR_BUS_ARGUMENT');
    }
  });

  it('is watched until the watch is ended', async () => {
    const { server, client } = await pair();
    const changes: NameOwnerChange[] = [];
    const stop = await client.watchNameOwners((change) => changes.push(change));
    const stopFailing = await client.watchNameOwners(() => {
      throw new Error('a bad listener');
    });
    await server.requestName('org.example.Watched');
    await client.nameOwner('org.example.Watched');
    const change = { name: 'org.example.Watched', oldOwner: '', newOwner: server.uniqueName };
    expect(changes).toEqual([change]);
    stop();
    stopFailing();
    await server.requestName('org.example.Unwatched');
    await client.nameOwner('org.example.Unwatched');
    expect(changes).toEqual([change]);
  });

  it('is answered by who took it over from one that was called before', async () => {
    const { server: first, client: second } = await pair();
    const third = await connect();
    await first.requestName('org.example.Passed');
    const target = { destination: 'org.example.Passed', path: '/org/example/Test', interface: 'org.example.Test1' };
    expect(await second.call({ ...target, member: 'Who' })).toEqual([second.uniqueName]);
    await first.close();
    second.export('/org/example/Test', [example]);
    await second.requestName('org.example.Passed');
    expect(await third.call({ ...target, member: 'Who', timeoutMs: 2000 })).toEqual([third.uniqueName]);
  });

  it('that the bus can start is listed and started by the first call', async () => {
    const script = join(directory, 'activated.sh');
    await writeFile(script, '#!/bin/sh\ntouch "$0.started"\nexit 1\n', { mode: 0o700 });
    const service = `[D-BUS Service]\nName=org.example.Activated\nExec=${script}\n`;
    await writeFile(join(directory, 'services', 'org.example.Activated.service'), service);
    const { client } = await pair();
    await client.call({
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
      member: 'ReloadConfig',
    });
    expect(await client.listActivatableNames()).toContain('org.example.Activated');
    const target = { destination: 'org.example.Activated', path: '/x', interface: 'org.example.Test1', member: 'Who' };
    const notStarted = await failure(client.call({ ...target, autoStart: false }));
    expect(notStarted.errorName).toBe(errorNames.nameHasNoOwner);
    expect((await failure(client.call(target))).errorName).toMatch(/Spawn\.ChildExited$/);
  });
});

describe('the end of the bus', () => {
  it('resolves closed and rejects the calls under way and those that follow', async () => {
    const own = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
    const mortal = await startPrivateBus({ directory: own });
    const [one, two] = await Promise.all([connect(mortal.address), connect(mortal.address)]);
    two.export('/org/example/Test', [example]);
    const target = { path: '/org/example/Test', interface: 'org.example.Test1', member: 'Never' };
    const pending = failure(one.call({ ...target, destination: two.uniqueName }));
    process.kill(mortal.pid, 'SIGKILL');
    await Promise.all([one.closed, two.closed]);
    expect(await pending).toMatchObject({ code: 'ERR_BUS_CLOSED', disposition: 'transient' });
    expect((await failure(one.call({ ...target, destination: two.uniqueName }))).code).toBe('ERR_BUS_CLOSED');
    await mortal.stop();
    expect((await failure(connectBus({ address: mortal.address }))).code).toBe('ERR_BUS_CONNECT');
    await rm(own, { recursive: true });
  });

  it('is noticed while it leaves unread what was sent', async () => {
    const own = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
    const mortal = await startPrivateBus({ directory: own });
    const bus = await connect(mortal.address);
    process.kill(mortal.pid, 'SIGSTOP');
    const target = { destination: bus.uniqueName, path: '/x', interface: 'org.example.Test1', member: 'Who' };
    const big = { ...target, signature: 'ay', args: [new Uint8Array(60_000)] };
    const pending = Array.from({ length: 20 }, () => failure(bus.call(big)));
    process.kill(mortal.pid, 'SIGKILL');
    await bus.closed;
    for (const error of await Promise.all(pending)) expect(error.code).toBe('ERR_BUS_CLOSED');
    await mortal.stop();
    await rm(own, { recursive: true });
  });

  it('is what a bus gets that reads nothing more, and connecting to it ends in time', async () => {
    const own = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
    const hanging = await startPrivateBus({ directory: own });
    const bus = await connect(hanging.address);
    process.kill(hanging.pid, 'SIGSTOP');
    const target = { destination: bus.uniqueName, path: '/x', interface: 'org.example.Test1', member: 'Who' };
    const big = { ...target, signature: 's', args: ['x'.repeat(1_000_000)] };
    const pending = Array.from({ length: 12 }, () => failure(bus.call(big)));
    await bus.closed;
    for (const error of await Promise.all(pending)) expect(error.code).toBe('ERR_BUS_CLOSED');
    const late = await failure(connectBus({ address: hanging.address, timeoutMs: 50 }));
    expect(late).toMatchObject({ code: 'ERR_BUS_TIMEOUT', disposition: 'transient' });
    process.kill(hanging.pid, 'SIGCONT');
    await hanging.stop();
    await rm(own, { recursive: true });
  });

  it('comes by close too, as often as that is called', async () => {
    const { client, call } = await pair();
    const pending = failure(call('Never'));
    await Promise.all([client.close(), client.close()]);
    await client.closed;
    expect((await pending).code).toBe('ERR_BUS_CLOSED');
  });
});

describe('connecting', () => {
  it('goes through a list of addresses to the first that answers', async () => {
    const list = `tcp:host=localhost,port=1;unix:path=/nowhere/bus;${daemon.address}`;
    expect((await connect(list)).uniqueName).toMatch(/^:/);
  });

  it('reaches an abstract socket', async () => {
    const name = `mailpush-test-${process.pid}`;
    const relay = createServer((socket) => {
      const inner = createConnection(join(directory, 'bus'));
      for (const one of [socket, inner]) one.on('error', () => {});
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => {
      relay.listen(`\0${name}`, resolve);
    });
    const bus = await connect(`unix:abstract=${name}`);
    expect(await bus.listNames()).toContain(bus.uniqueName);
    await bus.close();
    await new Promise((resolve) => {
      relay.close(resolve);
    });
  });

  it('refuses a bus that is not the one with the guid of the address', async () => {
    const address = daemon.address.replace(/guid=.*/, 'guid=00000000000000000000000000000000');
    expect((await failure(connectBus({ address }))).code).toBe('ERR_BUS_CONNECT');
  });

  it('ends when its signal is aborted', async () => {
    await expect(connectBus({ address: daemon.address, signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    );
  });
});
