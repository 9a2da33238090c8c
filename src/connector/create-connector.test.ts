import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type DistributorBehaviour,
  type SmallDistributor,
  startSmallDistributor,
} from '../../test/apps/small-distributor.js';
import { type PrivateBus, startPrivateBus } from '../demo/private-bus.js';
import { MailpushError } from '../errors.js';
import type { Connector, ConnectorOptions, PushMessage, Registration } from './connector.js';
import { createConnector } from './create-connector.js';
import type { ConnectorError } from './errors.js';

const service = 'org.example.App';
const text = (message: PushMessage | undefined): string => new TextDecoder().decode(message?.data);

let directory: string;
let daemon: PrivateBus;
const open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  daemon = await startPrivateBus({ directory });
});

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

afterAll(async () => {
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function distributor(behaviour: DistributorBehaviour, name = 'test'): Promise<SmallDistributor> {
  const one = await startSmallDistributor(daemon.address, `org.unifiedpush.Distributor.${name}`, behaviour);
  open.push(() => one.stop());
  return one;
}

async function app(options: ConnectorOptions = {}): Promise<Connector> {
  const one = await createConnector({ busAddress: daemon.address, service, ...options });
  open.push(() => one.close());
  return one;
}

async function failure(promise: Promise<unknown>): Promise<ConnectorError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MailpushError);
  return error as ConnectorError;
}

async function take(registration: Registration, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const message of registration.messages()) {
    taken.push(text(message));
    if (taken.length < count) continue;
    message.accept();
    break;
  }
  return taken;
}

describe.each([
  { versions: [1], expected: 1 },
  { versions: [2], expected: 2 },
  { versions: [1, 2], expected: 2 },
  { versions: [1], expected: 1, isIntrospectable: false },
  { versions: [2], expected: 2, isIntrospectable: false },
  { versions: [1, 2], expected: 1, isIntrospectable: false },
] as const)(
  'with a distributor of versions $versions (introspectable: $isIntrospectable)',
  ({ expected, ...behaviour }) => {
    it.each(['before', 'after'] as const)(
      'registers, gets the endpoint %s the reply, receives, unregisters',
      async (endpoint) => {
        const peer = await distributor({ ...behaviour, endpoint });
        const connector = await app();
        const registration = await connector.register({ token: '{a-token}', description: 'Notes' });
        expect(registration.endpoint).toBe('https://push.example.org/1');
        expect(registration.token).toBe('{a-token}');
        expect(peer.seen).toMatchObject([{ version: expected, service, token: '{a-token}' }]);
        expect(peer.seen[0]?.dict.description?.value).toBe('Notes');

        const every = Uint8Array.from({ length: 4096 }, (_, index) => index % 256);
        const delivered = peer.deliver('{a-token}', 'id-1', every);
        for await (const message of registration.messages()) {
          expect(message).toMatchObject({ id: 'id-1', data: every });
          message.accept();
          break;
        }
        expect(await delivered).toEqual(expected === 1 ? [] : [{ id: { signature: 's', value: 'id-1' } }]);

        await registration.unregister();
        await registration.unregister();
        expect(peer.unregistered).toEqual(['{a-token}']);
        expect(await take(registration, 1)).toEqual([]);
      },
    );
  },
);

describe('registering', () => {
  it('passes on VAPID key and pinned sender over version 2', async () => {
    const peer = await distributor({ versions: [1, 2] });
    const connector = await app();
    await connector.register({ vapid: 'B'.repeat(87), sender: 'a'.repeat(40) });
    expect(peer.seen[0]?.dict).toMatchObject({
      vapid: { signature: 's', value: 'B'.repeat(87) },
      'org.mailpush.sender': { signature: 's', value: 'a'.repeat(40) },
    });
    expect(peer.seen[0]?.token).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('works under the unique name when there is no service', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await createConnector({ busAddress: daemon.address });
    open.push(() => connector.close());
    await connector.register();
    expect(peer.seen[0]?.service).toBe(connector.service);
    expect(connector.service).toBe(peer.seen[0]?.caller);
  });

  it('takes the older word for success', async () => {
    await distributor({ versions: [1], success: 'NEW_ENDPOINT' });
    const connector = await app();
    expect((await connector.register()).endpoint).toMatch(/^https:/);
  });

  it.each([
    [2, 'REGISTRATION_FAILED', 'NETWORK', 'transient'],
    [2, 'REGISTRATION_FAILED', 'INTERNAL_ERROR', 'transient'],
    [2, 'REGISTRATION_FAILED', 'ACTION_REQUIRED', 'action-required'],
    [2, 'REGISTRATION_FAILED', 'VAPID_REQUIRED', 'rejected'],
    [2, 'REGISTRATION_FAILED', 'UNAUTHORIZED', 'rejected'],
    [1, 'REGISTRATION_FAILED', 'no network, sorry', 'transient'],
    [1, 'REGISTRATION_FAILED', 'UNAUTHORIZED', 'rejected'],
    [1, 'REGISTRATION_REFUSED', 'go away', 'rejected'],
    [1, '', '', 'transient'],
  ] as const)('over version %i reports %s %j as %s', async (version, result, reason, disposition) => {
    const peer = await distributor({ versions: [version], refuse: { result, reason } });
    const connector = await app();
    const error = await failure(connector.register({ token: 'one' }));
    expect(error).toMatchObject({ code: 'ERR_REGISTRATION_REFUSED', disposition, reason });
    peer.behaviour.refuse = undefined;
    expect((await connector.register({ token: 'one' })).endpoint).toMatch(/^https:/);
  });

  it('again with the same token gives the same registration and asks the distributor again', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app();
    const [first, second] = await Promise.all([
      connector.register({ token: 'one' }),
      connector.register({ token: 'one' }),
    ]);
    expect(second).toBe(first);
    expect(peer.seen).toHaveLength(2);
  });

  it('ends when there is no endpoint in time, and can be done again', async () => {
    const peer = await distributor({ versions: [2], endpoint: 'never' });
    const connector = await app();
    const error = await failure(connector.register({ token: 'one', timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'ERR_REGISTRATION_TIMEOUT', disposition: 'transient' });
    peer.behaviour.endpoint = 'after';
    expect((await connector.register({ token: 'one' })).endpoint).toMatch(/^https:/);
  });

  it('that fails leaves nothing behind under a token that nobody knows', async () => {
    const peer = await distributor({ versions: [2], endpoint: 'never' });
    const connector = await app();
    await failure(connector.register({ timeoutMs: 50 }));
    expect(peer.unregistered).toEqual([peer.seen[0]?.token]);
  });

  it('ends when its signal is aborted', async () => {
    await distributor({ versions: [2], endpoint: 'never' });
    const connector = await app();
    const controller = new AbortController();
    const registering = connector.register({ token: 'one', signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(registering).rejects.toThrow('enough');
  });

  it('ends when the connector is closed', async () => {
    const peer = await distributor({ versions: [2], endpoint: 'never' });
    const connector = await app();
    const registering = failure(connector.register({ token: 'one' }));
    await peer.bus.nameOwner(service);
    await connector.close();
    expect((await registering).code).toMatch(/^ERR_(CONNECTOR|BUS)_CLOSED$/);
    expect((await failure(connector.register())).code).toBe('ERR_CONNECTOR_CLOSED');
  });

  it('refuses what breaks the limits before anybody is asked', async () => {
    const connector = await app();
    for (const options of [
      { token: '' },
      { token: 'ü'.repeat(51) },
      { description: 'x'.repeat(101) },
      { vapid: 'short' },
      { sender: 'xyz' },
    ]) {
      expect((await failure(connector.register(options))).code).toBe('ERR_REGISTRATION_INVALID');
    }
  });
});

describe('the distributor', () => {
  it('is missing when there is none, or not the one that was named', async () => {
    const connector = await app();
    expect(await connector.distributors()).toEqual([]);
    const error = await failure(connector.register());
    expect(error).toMatchObject({ code: 'ERR_DISTRIBUTOR_NONE', disposition: 'action-required' });
    const other = await app({ service: 'org.example.Other', distributor: 'org.unifiedpush.Distributor.absent' });
    expect((await failure(other.register())).code).toBe('ERR_DISTRIBUTOR_NONE');
  });

  it('is mailpush when several run, unless another is named', async () => {
    const [first, mailpush] = [
      await distributor({ versions: [2] }, 'another'),
      await distributor({ versions: [2] }, 'mailpush'),
    ];
    const connector = await app();
    expect(await connector.distributors()).toEqual([
      'org.unifiedpush.Distributor.another',
      'org.unifiedpush.Distributor.mailpush',
    ]);
    await connector.register({ token: 'one' });
    expect([first.seen.length, mailpush.seen.length]).toEqual([0, 1]);
    const other = await app({ service: 'org.example.Other', distributor: 'org.unifiedpush.Distributor.another' });
    await other.register({ token: 'two' });
    expect(first.seen).toHaveLength(1);
  });
});

describe('an endpoint', () => {
  it('that changes is told, the latest one first, until the registration ends', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const endpoints = registration.endpoints()[Symbol.asyncIterator]();
    expect(await endpoints.next()).toEqual({ done: false, value: 'https://push.example.org/1' });
    const waiting = endpoints.next();
    await peer.newEndpoint('one', 'mailto:alice@example.org?Email-Notify=v%3D1');
    expect(await waiting).toEqual({ done: false, value: 'mailto:alice@example.org?Email-Notify=v%3D1' });
    await peer.newEndpoint('one', 'not a URL');
    await peer.newEndpoint('one', `https://push.example.org/${'x'.repeat(1000)}`);
    await peer.newEndpoint('one', 'https://push.example.org/overtaken');
    await peer.newEndpoint('one', 'https://push.example.org/last');
    expect(await endpoints.next()).toEqual({ done: false, value: 'https://push.example.org/last' });
    expect(registration.endpoint).toBe('https://push.example.org/last');
    await peer.endRegistration('one');
    expect(await endpoints.next()).toEqual({ done: true, value: undefined });
  });
});

describe.each([1, 2] as const)('a message over version %i', (version) => {
  it('is answered when the loop comes back for the next one, in order', async () => {
    const peer = await distributor({ versions: [version] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const events: string[] = [];
    const deliveries = ['a', 'b', 'c'].map((id) =>
      peer.deliver('one', id, id).then(() => events.push(`answered ${id}`)),
    );
    const messages = registration.messages()[Symbol.asyncIterator]();
    for (const id of ['a', 'b', 'c']) {
      const { value } = await messages.next();
      expect((value as PushMessage).id).toBe(id);
      await peer.bus.listNames();
      expect(events).not.toContain(`answered ${id}`);
    }
    await messages.return?.();
    expect(await take(registration, 1)).toEqual(['c']);
    await Promise.all(deliveries);
    expect(events).toEqual(['answered a', 'answered b', 'answered c']);
  });

  it('that comes before the token is registered waits for that', async () => {
    const peer = await distributor({ versions: [version] });
    const first = await app();
    await first.register({ token: 'one' });
    await first.close();
    const second = await app();
    const delivered = peer.deliver('one', 'early', 'early');
    await peer.bus.nameOwner(service);
    const registration = await second.register({ token: 'one' });
    expect(await take(registration, 1)).toEqual(['early']);
    await delivered;
  });

  it('in a loop that fails is not accepted, and comes again', async () => {
    const peer = await distributor({ versions: [version] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const delivered = peer.deliver('one', 'x', 'precious');
    const failing = async (): Promise<void> => {
      for await (const message of registration.messages()) throw new Error(`cannot handle ${message.id}`);
    };
    await expect(failing()).rejects.toThrow('cannot handle x');
    expect(await take(registration, 1)).toEqual(['precious']);
    await delivered;
  });

  it('that is in hand when the connector is closed is refused', async () => {
    const peer = await distributor({ versions: [version] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const delivered = failure(peer.deliver('one', 'x', 'not done'));
    for await (const _ of registration.messages()) await connector.close();
    expect((await delivered).code).toBe('ERR_BUS_CALL');
  });

  it('that is accepted right before the connector is closed is answered', async () => {
    const peer = await distributor({ versions: [version] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const delivered = peer.deliver('one', 'x', 'done');
    for await (const message of registration.messages()) {
      message.accept();
      await connector.close();
    }
    await delivered;
  });

  it('too many for the queue is refused', async () => {
    const peer = await distributor({ versions: [version] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const waiting = Array.from({ length: 64 }, (_, index) => peer.deliver('one', `${index}`, 'x'));
    const error = await failure(peer.deliver('one', 'too many', 'x'));
    expect(error).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' });
    expect(await take(registration, 64)).toHaveLength(64);
    await Promise.all(waiting);
  });
});

describe('a message', () => {
  it('that nobody accepts in time is refused over version 2', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app({ acceptWithinMs: 1 });
    await connector.register({ token: 'one' });
    expect(await failure(peer.deliver('one', 'x', 'x'))).toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.TimedOut',
    });
  });

  it('is kept over version 1, where nobody would send it again', async () => {
    const peer = await distributor({ versions: [1] });
    const connector = await app({ acceptWithinMs: 1 });
    const registration = await connector.register({ token: 'one' });
    expect((await failure(peer.deliver('one', 'x', 'patient', 50))).code).toBe('ERR_BUS_TIMEOUT');
    expect(await take(registration, 1)).toEqual(['patient']);
  });

  it('for a token that nobody registers is refused', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app({ acceptWithinMs: 1 });
    await connector.register({ token: 'one' });
    peer.seen.push({ version: 2, caller: '', service, token: 'unknown', dict: {} });
    expect(await failure(peer.deliver('unknown', 'x', 'x'))).toMatchObject({ code: 'ERR_BUS_CALL' });
  });

  it('for tokens that nobody registers is refused at once when sixty-four wait', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app();
    await connector.register({ token: 'one' });
    const unknown = Array.from({ length: 65 }, (_, index) => `unknown ${index}`);
    for (const token of unknown) peer.seen.push({ version: 2, caller: '', service, token, dict: {} });
    const deliveries = unknown.map((token) => failure(peer.deliver(token, 'x', 'x')));
    expect(await deliveries.at(-1)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' });
    await connector.close();
    await Promise.all(deliveries);
  });

  it('without an id is taken, one without a token is refused', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const delivered = peer.deliver('one', '', 'anonymous');
    expect(await take(registration, 1)).toEqual(['anonymous']);
    expect(await delivered).toEqual([{}]);
    const target = {
      destination: service,
      path: '/org/unifiedpush/Connector',
      interface: 'org.unifiedpush.Connector2',
    };
    const error = await failure(peer.bus.call({ ...target, member: 'Message', signature: 'a{sv}', args: [{}] }));
    expect(error).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
  });
});

describe('the end', () => {
  it('of the registration by the distributor comes after the messages that were there', async () => {
    const peer = await distributor({ versions: [2] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const deliveries = ['a', 'b'].map((id) => peer.deliver('one', id, id));
    await peer.endRegistration('one');
    const seen: string[] = [];
    for await (const message of registration.messages()) seen.push(message.id);
    expect(seen).toEqual(['a', 'b']);
    await Promise.all(deliveries);
    await registration.unregister();
    expect(peer.unregistered).toEqual([]);
  });

  it('of a wait for messages comes with its signal', async () => {
    await distributor({ versions: [2] });
    const connector = await app();
    const registration = await connector.register({ token: 'one' });
    const controller = new AbortController();
    const loop = (async () => {
      for await (const _ of registration.messages({ signal: controller.signal })) expect.unreachable();
    })();
    controller.abort(new Error('enough'));
    await expect(loop).rejects.toThrow('enough');
  });

  it('of the bus is an error in every loop', async () => {
    const own = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
    const mortal = await startPrivateBus({ directory: own });
    const peer = await startSmallDistributor(mortal.address, 'org.unifiedpush.Distributor.test', { versions: [2] });
    const connector = await createConnector({ busAddress: mortal.address, service });
    const registration = await connector.register();
    const loops = [registration.messages(), registration.endpoints()].map(async (all) => {
      for await (const _ of all as AsyncIterable<unknown>);
    });
    const failures = Promise.all(loops.map(failure));
    await mortal.stop();
    expect((await failures).map(({ code }) => code)).toEqual(['ERR_BUS_CLOSED', 'ERR_BUS_CLOSED']);
    await connector.close();
    await peer.stop();
    await rm(own, { recursive: true });
  });
});

it('the app’s bus name that is taken is an error, and the connection is closed', async () => {
  const first = await app();
  expect((await failure(createConnector({ busAddress: daemon.address, service }))).code).toBe('ERR_BUS_NAME_TAKEN');
  await first.close();
  await first.close();
  await app();
});
