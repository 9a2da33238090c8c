import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { describeWithRedis, type RedisServer, startRedisServer } from '../../test/tools/redis-server.js';
import { createRuntime } from '../runtime.js';
import type { Revocations, SealedEndpoint } from './parts.js';
import { createRedis, type Redis } from './redis.js';
import { createRedisRevocations } from './redis-revocations.js';
import { createRevocationMemory, createRevocations } from './revocations.js';

const endpoint = { address: 'alice@example.org', channel: 'A'.repeat(27), autocrypt: 'x' };
const expires = Math.floor(Date.now() / 1000) + 100;
const sealOf = (id: string, more: Partial<SealedEndpoint['endpoint']> = {}) => ({
  id,
  endpoint: { ...endpoint, ...more },
  expires,
});
const soon = (): number => expires;

/** What holds wherever they are kept. */
function behaves(create: () => Revocations): void {
  it('are of one seal', async () => {
    const revocations = create();
    await revocations.revokeSeal('one', soon());
    expect(await revocations.isRevoked(sealOf('one'))).toBe(true);
    expect(await revocations.isRevoked(sealOf('two'))).toBe(false);
  });

  it('or of all seals of an endpoint, which is a channel at an address', async () => {
    const revocations = create();
    const channel = 'B'.repeat(27);
    await revocations.revokeEndpoint({ ...endpoint, channel }, soon());
    expect(await revocations.isRevoked(sealOf('a', { channel }))).toBe(true);
    expect(await revocations.isRevoked(sealOf('b', { channel, address: 'Alice@Example.org' }))).toBe(true);
    expect(await revocations.isRevoked(sealOf('c', { channel, address: 'mallory@example.org' }))).toBe(false);
    expect(await revocations.isRevoked(sealOf('d'))).toBe(false);
  });

  it('do not hold for a seal that was made later, and so expires later', async () => {
    const revocations = create();
    const channel = 'D'.repeat(27);
    await revocations.revokeEndpoint({ ...endpoint, channel }, expires);
    expect(await revocations.isRevoked(sealOf('e', { channel }))).toBe(true);
    expect(await revocations.isRevoked({ ...sealOf('f', { channel }), expires: expires + 1 })).toBe(false);
  });

  it('are no more once the seal has expired by itself', async () => {
    const revocations = create();
    await revocations.revokeSeal('past', Math.floor(Date.now() / 1000) - 1);
    expect(await revocations.isRevoked(sealOf('past'))).toBe(false);
  });
}

describe('revocations in memory', () => {
  behaves(() => createRevocations(createRevocationMemory(createRuntime())));

  it('end with the seal, the later time counting', () => {
    const time = createManualTime();
    const memory = createRevocationMemory(time.runtime);
    const now = time.runtime.now() / 1000;
    memory.revoke('seal:a', now + 10);
    memory.revoke('seal:a', now + 5);
    time.pass(9_999);
    expect(memory.covers('seal:a', now + 10)).toBe(true);
    expect(memory.covers('seal:a', now + 11)).toBe(false);
    expect(memory.entries()).toEqual([['seal:a', now + 10]]);
    time.pass(1);
    expect(memory.entries()).toEqual([]);
  });

  it('are bounded: those that have ended are forgotten first, then those that end next', () => {
    const time = createManualTime();
    const memory = createRevocationMemory(time.runtime, 10);
    const now = time.runtime.now() / 1000;
    memory.revoke('ended', now + 1);
    for (let index = 0; index < 9; index += 1) memory.revoke(`seal:${index}`, now + 100 - index);
    time.pass(1000);
    memory.revoke('later', now + 1000);
    expect(memory.entries()).toHaveLength(10);
    memory.revoke('latest', now + 1000);
    expect(memory.entries()).toHaveLength(10);
    expect(memory.covers('seal:8', now + 92)).toBe(false);
    expect(memory.covers('seal:0', now + 100)).toBe(true);
    expect(memory.covers('latest', now + 1000)).toBe(true);
  });
});

describeWithRedis('revocations in Redis', () => {
  let server: RedisServer;
  const connections: Redis[] = [];

  async function connect(): Promise<Revocations> {
    const runtime = createRuntime();
    const redis = createRedis({ url: server.url, timeoutMs: 1000, runtime });
    connections.push(redis);
    const revocations = createRedisRevocations(redis, createRevocationMemory(runtime), runtime);
    await redis.settled(10_000);
    return revocations;
  }
  let first: Revocations;

  beforeAll(async () => {
    server = await startRedisServer();
    first = await connect();
  });
  afterAll(async () => {
    await Promise.all(connections.map((redis) => redis.close()));
    await server.stop();
  });

  behaves(() => first);

  it('are known to all who share it, name nobody, and end with the seal', async () => {
    const other = await connect();
    await first.revokeSeal('shared', soon());
    await first.revokeEndpoint({ ...endpoint, channel: 'C'.repeat(27) }, soon());
    expect(await other.isRevoked(sealOf('shared'))).toBe(true);
    expect(await other.isRevoked(sealOf('x', { channel: 'C'.repeat(27) }))).toBe(true);
    const keys = await server.ask('KEYS *');
    expect(keys).not.toMatch(/alice|example|CCCCC/);
    expect(await server.ask('TTL mailpush:revoked:seal:shared')).toMatch(/^:(?:100|9\d)\r/);
  });

  it('stay as they are where a shorter one comes later', async () => {
    const other = await connect();
    const channel = 'D'.repeat(27);
    await first.revokeEndpoint({ ...endpoint, channel }, soon());
    await other.revokeEndpoint({ ...endpoint, channel }, soon() - 50);
    expect(await (await connect()).isRevoked(sealOf('x', { channel }))).toBe(true);
  });

  it('without it are known where they were told, who tells is told that others do not, and all know again later', async () => {
    const other = await connect();
    await server.kill();
    await expect.poll(() => connections.some((redis) => redis.isReady)).toBe(false);
    const revoking = first.revokeSeal('untold', soon());
    await expect(revoking).rejects.toMatchObject({ code: 'ERR_GATEWAY_UNAVAILABLE', status: 503 });
    expect(await first.isRevoked(sealOf('untold'))).toBe(true);
    expect(await other.isRevoked(sealOf('untold'))).toBe(false);
    await server.start();
    await expect.poll(() => other.isRevoked(sealOf('untold'))).toBe(true);
  });

  it('that is full or read only is told of, and nothing waits for it', async () => {
    const revocations = await connect();
    const redis = connections.at(-1);
    await server.ask('CONFIG SET maxmemory 1');
    await expect(revocations.revokeSeal('full', soon())).rejects.toMatchObject({ status: 503 });
    expect(redis?.now().state).toBe('failing');
    expect(await revocations.isRevoked(sealOf('other'))).toBe(false);
    expect(redis?.now().state).toBe('failing');
    await server.ask('CONFIG SET maxmemory 0');
    await revocations.revokeSeal('full', soon());
    expect(redis?.now().state).toBe('ok');
  });
});
