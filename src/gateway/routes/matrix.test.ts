import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  createVapidSigner,
  startGateway,
  type TestEndpoint,
  type TestGateway,
} from '../../../test/tools/gateway-fixture.js';
import { loopbackAddress } from '../../../test/tools/loopback-address.js';
import { startTestSmtp } from '../../../test/tools/test-smtp-server.js';

const path = '/_matrix/push/v1/notify';

const event = {
  event_id: '$3957tyerfgewrf384:matrix.example',
  room_id: '!slw48wfj34rtnrf:matrix.example',
  type: 'm.room.message',
  sender: '@bob:matrix.example',
  sender_display_name: 'Bob',
  room_name: 'Mission Control',
  prio: 'high',
  content: { msgtype: 'm.text', body: 'I am floating in a most peculiar way.' },
  counts: { unread: 2, missed_calls: 1 },
};

function device(pushkey: string, more: object = {}): object {
  return {
    app_id: 'im.example.app',
    pushkey,
    pushkey_ts: 12_345_678,
    data: { format: 'event_id_only' },
    tweaks: {},
    ...more,
  };
}

function notify(gateway: TestGateway, notification: object): Promise<Answer> {
  const headers = [['Content-Type', 'application/json']] as const;
  return gateway.ask({ method: 'POST', path, headers, body: JSON.stringify({ notification }) });
}

async function received(gateway: TestGateway, endpoint: TestEndpoint, index = -1) {
  const { header, payload } = await endpoint.read(gateway.smtp.given.at(index)?.raw);
  return { header, notification: JSON.parse(payload.toString()).notification };
}

describe('the Matrix push gateway', () => {
  it('tells that it is one (UnifiedPush)', async () => {
    const gateway = await startGateway();
    expect(await gateway.ask({ path })).toMatchObject({ status: 200, body: { unifiedpush: { gateway: 'matrix' } } });
    const wrong = await gateway.ask({ method: 'PUT', path });
    expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } });
  });

  it('pushes what it was given to the endpoint in the push key', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const devices = [device(alice.url)];
    expect(await notify(gateway, { ...event, devices })).toMatchObject({ status: 200, body: { rejected: [] } });
    const { header, notification } = await received(gateway, alice);
    expect(notification).toEqual({ ...event, devices });
    expect(header).toMatchObject({ urgency: 'high', ttlSeconds: 2_419_200 });
    expect(header.topic).toBeUndefined();
    expect(header.contentCoding).toBeUndefined();
  });

  it('takes a push key of 512 bytes, the most that Matrix has', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register({ address: `${'a'.repeat(40)}@${'b'.repeat(27)}.example.org` });
    expect(alice.url.length).toBeGreaterThan(400);
    expect(alice.url.length).toBeLessThanOrEqual(512);
    expect((await notify(gateway, { ...event, devices: [device(alice.url)] })).body).toEqual({ rejected: [] });
    expect(gateway.smtp.given).toHaveLength(1);
  });

  // Such a request was an error, and a homeserver repeats it before it sends anything else.
  it('leaves out what is nested too deep to be written', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const headers = [['Content-Type', 'application/json']] as const;
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    const { content: _, ...others } = event;
    for (const [content, data] of [
      [deep, '{}'],
      ['{}', deep],
    ]) {
      const devices = `[{"pushkey":"${alice.url}","app_id":"a","data":${data}}]`;
      const body = `{"notification":{"content":${content},"devices":${devices},${JSON.stringify(others).slice(1)}}`;
      const answer = await gateway.ask({ method: 'POST', path, headers, body });
      expect(answer).toMatchObject({ status: 200, body: { rejected: [] } });
      const { notification } = await received(gateway, alice);
      expect(notification).toMatchObject({ event_id: event.event_id, room_id: event.room_id, prio: 'high' });
      expect(notification.content).not.toEqual(expect.any(Array));
    }
    expect(gateway.smtp.given).toHaveLength(2);
  });

  it('is less urgent when the homeserver says so', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const devices = [device(alice.url)];
    for (const [prio, urgency] of [
      ['low', 'normal'],
      ['high', 'high'],
      [undefined, 'high'],
      ['odd', 'high'],
    ]) {
      await notify(gateway, { ...event, prio, devices });
      expect((await received(gateway, alice)).header.urgency).toBe(urgency);
    }
  });

  it('lists the push keys that are dead, and pushes to the others', async () => {
    const gateway = await startGateway({
      smtp: { onRecipient: (to) => (to.startsWith('gone') ? { code: 550, text: '5.1.1 No such user' } : undefined) },
    });
    const [alice, revoked] = [await gateway.register(), await gateway.register()];
    const gone = await gateway.register({ address: 'gone@example.org' });
    const signed = await gateway.register({ vapid: createVapidSigner().key });
    await gateway.parts.revocations.revokeEndpoint(revoked.mail, Number.MAX_SAFE_INTEGER);
    const dead = [
      revoked.url,
      gone.url,
      signed.url,
      `${alice.url}A`,
      alice.url.replace('push.example.org', 'push.example.net'),
      alice.path,
      'https://push.example.org/p/',
      'not a URL',
      '',
    ];
    const answer = await notify(gateway, {
      ...event,
      devices: [...dead, 'not a URL', alice.url].map((key) => device(key)),
    });
    expect(answer).toMatchObject({ status: 200, body: { rejected: dead } });
    expect((await received(gateway, alice)).notification.devices).toEqual([device(alice.url)]);
    expect((await notify(gateway, { ...event, devices: [device(gone.url)] })).body).toEqual({ rejected: [gone.url] });
  });

  it('gives each device nothing of the others', async () => {
    const gateway = await startGateway();
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const devices = [device(alice.url), device(bob.url)];
    expect((await notify(gateway, { ...event, devices })).body).toEqual({ rejected: [] });
    for (const [index, { mail }] of [alice, bob].entries()) {
      const at = gateway.smtp.given.findIndex(({ to }) => to === mail.address);
      const { notification } = await received(gateway, [alice, bob][index] as TestEndpoint, at);
      expect(notification).toEqual({ ...event, devices: [devices[index]] });
    }
  });

  it('is delivered once when the homeserver tries again, for each account that shares the endpoint', async () => {
    const gateway = await startGateway();
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const id = async (notification: object, endpoint = alice): Promise<string> => {
      await notify(gateway, notification);
      return (await received(gateway, endpoint)).header.id;
    };
    const first = await id({ ...event, devices: [device(alice.url)] });
    expect(await id({ ...event, counts: { unread: 3 }, devices: [device('dead'), device(alice.url)] })).toBe(first);
    expect(await id({ ...event, event_id: '$another', devices: [device(alice.url)] })).not.toBe(first);
    expect(await id({ ...event, devices: [device(alice.url, { data: { account: 2 } })] })).not.toBe(first);
    expect(await id({ ...event, devices: [device(bob.url)] }, bob)).not.toBe(first);
  });

  it('pushes new counts as a topic, of which only the newest matters', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const counts = { counts: { unread: 0 }, devices: [device(alice.url)] };
    for (const empty of [{}, { event_id: null }, { event_id: '' }]) {
      expect((await notify(gateway, { ...counts, ...empty })).body).toEqual({ rejected: [] });
    }
    const ids = new Set<string>();
    for (const at of [0, 1, 2]) {
      const { header, notification } = await received(gateway, alice, at);
      expect(header.topic).toBe('matrix-counts');
      expect(notification.counts).toEqual({ unread: 0 });
      ids.add(header.id);
    }
    expect(ids.size).toBe(3);
  });
});

describe('a notification that is too large for a push', () => {
  it('goes without its content, which the app gets by the event id', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const devices = [device(alice.url)];
    await notify(gateway, { ...event, content: { body: 'x'.repeat(5000) }, devices });
    const { content: _, ...rest } = event;
    expect((await received(gateway, alice)).notification).toEqual({ ...rest, devices });
  });

  it('goes with what names it and no more, if that is not enough', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const devices = [device(alice.url)];
    const { event_id, room_id, type, sender, prio, counts } = event;
    await notify(gateway, { ...event, room_name: 'ü'.repeat(2500), devices });
    expect((await received(gateway, alice)).notification).toEqual({
      event_id,
      room_id,
      type,
      sender,
      prio,
      counts,
      devices,
    });
    const large = [device(alice.url, { tweaks: { sound: 'x'.repeat(5000) } })];
    await notify(gateway, { ...event, devices: large });
    expect((await received(gateway, alice)).notification).toEqual({ event_id, room_id, prio, counts });
  });

  it('is refused when even that is too large', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const answer = await notify(gateway, { ...event, event_id: 'x'.repeat(5000), devices: [device(alice.url)] });
    expect(answer).toMatchObject({ status: 413, body: { errno: 104 } });
    expect(gateway.smtp.given).toHaveLength(0);
  });

  it('is not read at all over 64 KiB', async () => {
    const gateway = await startGateway();
    const content = { body: 'x'.repeat(65_536) };
    const answer = await notify(gateway, { ...event, content, devices: [device('dead')] });
    expect(answer).toMatchObject({ status: 413, body: { errno: 104 } });
  });
});

describe('when something cannot be sent now', () => {
  it('the homeserver is to try all of it again, and what was sent is delivered once', async () => {
    let busy = true;
    const gateway = await startGateway({
      smtp: { onRecipient: (to) => (busy && to.startsWith('bob') ? { code: 451, text: '4.2.1 Later' } : undefined) },
    });
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const notification = { ...event, devices: [device('dead'), device(alice.url), device(bob.url)] };
    const answer = await notify(gateway, notification);
    expect(answer).toMatchObject({ status: 503, body: { errno: 202 }, headers: { 'retry-after': '120' } });
    busy = false;
    expect(await notify(gateway, notification)).toMatchObject({ status: 200, body: { rejected: ['dead'] } });
    const toAlice = gateway.smtp.given.filter(({ to }) => to === alice.mail.address);
    const ids = await Promise.all(toAlice.map(async ({ raw }) => (await alice.read(raw)).header.id));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(gateway.smtp.given.filter(({ to }) => to === bob.mail.address)).toHaveLength(1);
  });

  it('is told with the longest time to wait', async () => {
    const host = loopbackAddress();
    const down = await startTestSmtp({}, host);
    await down.close();
    const rates = { pushes: { points: 1, seconds: 3600 }, burst: { points: 0, seconds: 3600 } };
    const gateway = await startGateway({ smtpUrl: `smtp://${host}:${down.port}`, rates });
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const first = await notify(gateway, { ...event, devices: [device(alice.url)] });
    expect(first).toMatchObject({ status: 503, body: { errno: 202 }, headers: { 'retry-after': '30' } });
    const second = await notify(gateway, { ...event, devices: [device(alice.url), device(bob.url)] });
    expect(second).toMatchObject({ status: 429, body: { errno: 201 } });
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(3000);
  });
});

describe('a request that is no notification', () => {
  it('is a 400', async () => {
    const gateway = await startGateway();
    const bodies = [
      '',
      '[]',
      'null',
      '{}',
      '{"notification":[]}',
      '{"notification":{}}',
      '{"notification":{"devices":[]}}',
      '{"notification":{"devices":{}}}',
      '{"notification":{"devices":[1]}}',
      '{"notification":{"devices":[null]}}',
      '{"notification":{"devices":[{}]}}',
      '{"notification":{"devices":[{"pushkey":7}]}}',
      '{"notification":{"devices":[{"pushkey":"x"}],"event_id":7}}',
      JSON.stringify({ notification: { devices: Array(21).fill(device('x')) } }),
    ];
    for (const body of bodies) {
      expect(await gateway.ask({ method: 'POST', path, body })).toMatchObject({ status: 400, body: { errno: 115 } });
    }
  });

  it('ends in an answer whatever it is', async () => {
    const gateway = await startGateway();
    const { url } = await gateway.register();
    const value = fc.oneof(fc.json(), fc.constant('{"__proto__":{"pushkey":"x"}}'));
    await fc.assert(
      fc.asyncProperty(value, value, async (one, other) => {
        const body = `{"notification":{"devices":[{"pushkey":${JSON.stringify(url)},"data":${one}}],"counts":${other}}}`;
        expect((await gateway.ask({ method: 'POST', path, body })).status).toBe(200);
        expect((await gateway.ask({ method: 'POST', path, body: `{"notification":${one}}` })).status).toBe(400);
      }),
      { numRuns: 20 },
    );
  });
});
