import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { describeWithRedis, type RedisServer, startRedisServer } from '../../test/tools/redis-server.js';
import { createRuntime } from '../runtime.js';
import { BoundedLimiter } from './bounded-limiter.js';
import { createLimits, type LimitName, type LimitRates, type LimitsOptions } from './limits.js';
import type { GrantAllowance, Limits, Refusal } from './parts.js';
import { createRedis, type Redis } from './redis.js';
import { createRedisLimiter } from './redis-limiter.js';

const secret = randomBytes(32);
const channel = 'A'.repeat(27);
const alice = { address: 'alice@example.org', client: '192.0.2.1' };

const isRefusal = (answer: GrantAllowance | Refusal): answer is Refusal => 'retryAfterSeconds' in answer;
const outcome = (answer: GrantAllowance | Refusal): 'granted' | 'refused' =>
  isRefusal(answer) ? 'refused' : 'granted';

async function granted(limits: Limits, of: { address: string; client: string } = alice): Promise<GrantAllowance> {
  const answer = await limits.grant(of);
  if (isRefusal(answer)) throw new Error(`Refused for ${answer.retryAfterSeconds} s`);
  return answer;
}

async function retryAfter(limits: Limits, of: { address: string; client: string } = alice): Promise<number> {
  const answer = await limits.grant(of);
  return isRefusal(answer) ? answer.retryAfterSeconds : 0;
}

/** What holds wherever it is counted. */
function behaves(create: (options?: Partial<LimitsOptions>) => Limits): void {
  const withRates = (rates: Partial<LimitRates>): Limits => create({ rates });

  it('lets an endpoint have 300 pushes at once, and tells when there are more', async () => {
    const limits = create();
    const answers = await Promise.all(Array.from({ length: 310 }, () => limits.push({ ...alice, channel })));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(300);
    const refusal = answers.at(-1);
    expect(refusal?.retryAfterSeconds).toBeGreaterThan(0);
    expect(refusal?.retryAfterSeconds).toBeLessThanOrEqual(60);
    // The same channel at another address belongs to somebody else, as does another channel.
    expect(await limits.push({ address: 'mallory@example.org', channel })).toBeUndefined();
    expect(await limits.push({ ...alice, channel: 'B'.repeat(27) })).toBeUndefined();
    expect(await limits.push({ address: 'Alice@Example.org', channel })).toEqual(refusal);
  });

  it('lets a mailbox have one grant mail an hour, whatever is behind the plus', async () => {
    const limits = create();
    await granted(limits);
    for (const address of ['alice@example.org', 'alice+2@example.org', 'ALICE+a+b@example.ORG']) {
      const seconds = await retryAfter(limits, { address, client: '192.0.2.2' });
      expect(seconds).toBeGreaterThan(3590);
      expect(seconds).toBeLessThanOrEqual(3600);
    }
    await granted(limits, { ...alice, address: 'alicia@example.org' });
  });

  it('lets a mailbox have five grant mails a day, and tells the longest wait', async () => {
    const limits = withRates({ mailboxHour: { points: 100, seconds: 3600 } });
    for (let count = 0; count < 5; count += 1) await granted(limits);
    expect(await retryAfter(limits)).toBeGreaterThan(86_000);
    const both = withRates({ mailboxHour: { points: 1, seconds: 10 }, mailboxDay: { points: 1, seconds: 100 } });
    const bob = { ...alice, address: 'bob@example.org' };
    await granted(both, bob);
    expect(await retryAfter(both, bob)).toBeGreaterThan(90);
  });

  it('gives one of 50 at once for the mailbox its mail, and the others cost nobody anything', async () => {
    const limits = create();
    const asked = Array.from({ length: 50 }, (_, index) =>
      limits.grant({ ...alice, address: `alice+${index}@example.org` }),
    );
    const answers = (await Promise.all(asked)).map(outcome);
    expect(answers.filter((answer) => answer === 'granted')).toHaveLength(1);
    // 19 are left of the 20 of this client.
    for (let count = 0; count < 19; count += 1) await granted(limits, { ...alice, address: `bob${count}@example.org` });
    expect(await retryAfter(limits, { ...alice, address: 'carol@example.org' })).toBeGreaterThan(3500);
  });

  it('bounds what one client asks for, what one domain gets, and all of it', async () => {
    const small = { points: 2, seconds: 3600 };
    const of = (name: string, domain: string, client: string): { address: string; client: string } => ({
      address: `${name}@${domain}`,
      client,
    });
    const client = withRates({ client: small });
    await granted(client, of('a', 'one.example', '2001:db8::1'));
    await granted(client, of('b', 'two.example', '2001:db8::2'));
    expect(await retryAfter(client, of('c', 'three.example', '2001:db8:0:0:ffff::'))).toBeGreaterThan(0);
    await granted(client, of('c', 'three.example', '2001:db8:0:1::1'));
    const domain = withRates({ domain: small });
    await granted(domain, of('a', 'four.example', '192.0.2.1'));
    await granted(domain, of('b', 'FOUR.example', '192.0.2.2'));
    expect(await retryAfter(domain, of('c', 'four.example', '192.0.2.3'))).toBeGreaterThan(0);
    await granted(domain, of('c', 'five.example', '192.0.2.3'));
    const all = withRates({ all: { points: 2, seconds: 3600 } });
    const answers = [];
    for (let count = 0; count < 4; count += 1)
      answers.push(outcome(await all.grant(of(`${count}`, `${count}.example`, `192.0.2.${count}`))));
    expect(answers.at(-1)).toBe('refused');
  });

  it('does not count what it refuses', async () => {
    const limits = withRates({ client: { points: 3, seconds: 3600 } });
    await granted(limits);
    for (let count = 0; count < 10; count += 1) expect(await retryAfter(limits)).toBeGreaterThan(0);
    await granted(limits, { ...alice, address: 'bob@example.org' });
    await granted(limits, { ...alice, address: 'carol@example.org' });
    // Now the client has none left, which must not use up the one of Dave.
    expect(await retryAfter(limits, { ...alice, address: 'dave@example.org' })).toBeGreaterThan(0);
    await granted(limits, { address: 'dave@example.org', client: '192.0.2.9' });
  });

  it('gives back what was not sent, to the mailbox only if the mail server refused it', async () => {
    const limits = withRates({ client: { points: 2, seconds: 3600 } });
    await (await granted(limits)).giveBack('unsent');
    await (await granted(limits)).giveBack('unsent');
    await (await granted(limits)).giveBack('refused');
    await granted(limits);
    expect(await retryAfter(limits, { ...alice, address: 'bob@example.org' })).toBeGreaterThan(0);
  });

  it('never gives back more than there was', async () => {
    const limits = create();
    const allowance = await granted(limits);
    for (let count = 0; count < 3; count += 1) await allowance.giveBack('unsent');
    await granted(limits);
    expect(await retryAfter(limits)).toBeGreaterThan(0);
  });

  it('bounds the seals of a mailbox, and the requests of a client that are not valid', async () => {
    const limits = withRates({ seals: { points: 3, seconds: 60 }, faults: { points: 2, seconds: 60 } });
    for (let count = 0; count < 3; count += 1) expect(await limits.seal(`alice+${count}@example.org`)).toBeUndefined();
    expect(await limits.seal('alice@example.org')).toMatchObject({ retryAfterSeconds: expect.any(Number) });
    expect(await limits.faults('192.0.2.1')).toBeUndefined();
    await limits.fault('192.0.2.1');
    expect(await limits.faults('::ffff:192.0.2.1')).toBeUndefined();
    for (let count = 0; count < 3; count += 1) await limits.fault('::ffff:192.0.2.1');
    expect(await limits.faults('192.0.2.1')).toMatchObject({ retryAfterSeconds: expect.any(Number) });
    expect(await limits.faults('192.0.2.2')).toBeUndefined();
  });

  it('counts anew when the time is over', async () => {
    const limits = withRates({ mailboxHour: { points: 1, seconds: 1 } });
    await granted(limits);
    expect(await retryAfter(limits)).toBe(1);
    await expect.poll(async () => outcome(await limits.grant(alice))).toBe('granted');
  });

  it('tells which limit was reached', async () => {
    const reached: LimitName[] = [];
    const limits = create({ refused: (by) => reached.push(by) });
    await granted(limits);
    await limits.grant(alice);
    expect(reached).toEqual(['mailboxHour']);
  });
}

describe('limits in memory', () => {
  behaves((options) => createLimits({ secret, runtime: createRuntime(), ...options }));

  it('do not give back to the next hour what was taken in the one before', async () => {
    const time = createManualTime();
    const counted = new BoundedLimiter({ points: 5, seconds: 3600 });
    const createLimiter: LimitsOptions['createLimiter'] = (name, rate) =>
      name === 'client' ? counted : new BoundedLimiter(rate);
    const limits = createLimits({
      secret,
      runtime: time.runtime,
      createLimiter,
      rates: { mailboxHour: { points: 9, seconds: 60 } },
    });
    const allowance = await granted(limits);
    time.pass(3_600_001);
    const [{ key } = { key: '' }] = counted.dump().storage;
    await allowance.giveBack('unsent');
    expect((await counted.get(key))?.consumedPoints).toBe(1);
  });

  it('remember no more clients than they have room for', async () => {
    const limiter = new BoundedLimiter({ points: 1, seconds: 3600 }, 3);
    for (const key of ['a', 'b', 'c']) await limiter.consume(key);
    await expect(limiter.consume('a')).rejects.toMatchObject({ consumedPoints: 2 });
    await limiter.consume('d');
    // b had been counted the longest ago.
    expect(
      limiter
        .dump()
        .storage.map(({ key }) => key)
        .sort(),
    ).toEqual(['a', 'c', 'd']);
    await limiter.consume('b');
  });
});

describeWithRedis('limits in Redis', () => {
  let server: RedisServer;
  const connections: Redis[] = [];

  async function connect(timeoutMs = 1000): Promise<Redis> {
    const redis = createRedis({ url: server.socketUrl, timeoutMs, runtime: createRuntime() });
    connections.push(redis);
    await redis.settled(10_000);
    expect(redis.isReady).toBe(true);
    return redis;
  }

  const limitsOn = (redis: Redis | undefined, options?: Partial<LimitsOptions>): Limits => {
    if (redis === undefined) throw new Error('Connect first.');
    const createLimiter: LimitsOptions['createLimiter'] = (name, rate) => createRedisLimiter(redis, name, rate);
    return createLimits({ secret: randomBytes(32), runtime: createRuntime(), createLimiter, ...options });
  };

  beforeAll(async () => {
    server = await startRedisServer();
    await connect();
  });
  afterAll(async () => {
    await Promise.all(connections.map((redis) => redis.close()));
    await server.stop();
  });

  behaves((options) => limitsOn(connections[0], options));

  it('are those of all who share it', async () => {
    const options = { secret: randomBytes(32) };
    const [one, other] = [limitsOn(await connect(), options), limitsOn(await connect(), options)];
    const asked = Array.from({ length: 50 }, (_, index) =>
      (index % 2 === 0 ? one : other).grant({ ...alice, address: `alice+${index}@example.org` }),
    );
    expect((await Promise.all(asked)).map(outcome).filter((answer) => answer === 'granted')).toHaveLength(1);
    const pushes = Array.from({ length: 310 }, (_, index) =>
      (index % 2 === 0 ? one : other).push({ ...alice, channel }),
    );
    expect((await Promise.all(pushes)).filter((answer) => answer === undefined)).toHaveLength(300);
  });

  it('name nobody there, and end with their time', async () => {
    const limits = limitsOn(await connect());
    await granted(limits);
    await limits.push({ ...alice, channel });
    await limits.seal(alice.address);
    const keys = await server.ask('KEYS *');
    expect(keys).toContain('mailpush:mailboxHour:');
    for (const told of ['alice', 'example', '192.', channel]) expect(keys).not.toContain(told);
    const [day = ''] = /mailpush:mailboxDay:\S+/.exec(keys) ?? [];
    expect(await server.ask(`TTL ${day}`)).toMatch(/^:86(?:400|3\d\d)\r/);
  });

  it('are counted by each for itself while Redis is gone, and together again once it is back, without a restart', async () => {
    const options = { secret: randomBytes(32) };
    const [here, there] = [await connect(), await connect()];
    const [one, other] = [limitsOn(here, options), limitsOn(there, options)];
    const allowance = await granted(one);
    await server.kill();
    await expect.poll(() => [here.isReady, there.isReady]).toEqual([false, false]);
    // Redis would have refused; what it knew is not known to the two now.
    expect([outcome(await one.grant(alice)), outcome(await other.grant(alice))]).toEqual(['granted', 'granted']);
    expect([outcome(await one.grant(alice)), outcome(await other.grant(alice))]).toEqual(['refused', 'refused']);
    await server.start();
    await expect.poll(() => [here.isReady, there.isReady]).toEqual([true, true]);
    // It came back empty: what was taken before is not given back on top.
    await allowance.giveBack('unsent');
    const after = [await one.grant(alice), await other.grant(alice)].map(outcome);
    expect(after).toEqual(['granted', 'refused']);
  });

  it('do not wait for a Redis that hangs', async () => {
    const redis = await connect(100);
    const limits = limitsOn(redis);
    expect(await limits.push({ ...alice, channel })).toBeUndefined();
    server.freeze();
    try {
      expect(await limits.push({ ...alice, channel })).toBeUndefined();
      expect(redis.now().state).toBe('failing');
      expect(redis.isReady).toBe(false);
      for (let count = 0; count < 100; count += 1) expect(await limits.push({ ...alice, channel })).toBeUndefined();
    } finally {
      server.thaw();
    }
    await expect.poll(() => redis.now().state).toBe('ok');
    expect(redis.isReady).toBe(true);
  });
});
