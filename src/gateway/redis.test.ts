import { afterEach, expect, it } from 'vitest';
import { describeWithRedis, type RedisServer, startRedisServer } from '../../test/tools/redis-server.js';
import { createRuntime } from '../runtime.js';
import { createRedis, type Redis } from './redis.js';

describeWithRedis('the connection to Redis', () => {
  let server: RedisServer | undefined;
  const connections: Redis[] = [];
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((redis) => redis.close()));
    await server?.stop();
  });

  function connect(url: string, password?: string): { redis: Redis; logged: string[] } {
    const logged: string[] = [];
    const note = (facts: object, message: string): void => void logged.push(`${JSON.stringify(facts)} ${message}`);
    const runtime = createRuntime({ debug: note, info: note, warn: note, error: note });
    const redis = createRedis({ url, password, timeoutMs: 1000, runtime });
    connections.push(redis);
    return { redis, logged };
  }

  it('logs in with a password, apart or in the URL, and says when it may not', async () => {
    server = await startRedisServer();
    const { url, socketUrl, ask } = server;
    await ask('ACL SETUSER push on >ge:heim/ ~mailpush:* +@all');
    await ask('CONFIG SET requirepass geheim');
    const inUrl = url.replace('redis://', 'redis://push:ge%3Aheim%2F@');
    for (const { redis } of [connect(url, 'geheim'), connect(socketUrl, 'geheim'), connect(`${inUrl}/3`)]) {
      await expect.poll(() => redis.now().state).toBe('ok');
      await redis.raise('mailpush:x', 7, 100);
      expect(await redis.get(['mailpush:x', 'mailpush:z'])).toEqual(['7', null]);
    }
    for (const password of [undefined, 'falsch']) {
      const { redis, logged } = connect(url, password);
      await expect.poll(async () => await redis.raise('x', 7, 100).catch(() => redis.now().state)).toBe('failing');
      await expect(redis.raise('x', 7, 100)).rejects.toMatchObject({ code: 'ERR_GATEWAY_UNAVAILABLE' });
      expect(logged.join('\n')).toMatch(/"cause":"(?:NOAUTH|WRONGPASS|ERR)"/);
      expect(logged.join('\n')).not.toMatch(/falsch|geheim/);
    }
  });

  it('is made again when Redis was restarted, and tells of each change once', async () => {
    server = await startRedisServer();
    const { redis, logged } = connect(server.url);
    let times = 0;
    redis.onReady(() => {
      times += 1;
    });
    await expect.poll(() => redis.now().state).toBe('ok');
    await server.kill();
    await expect.poll(() => redis.now().state).toBe('failing');
    await expect(redis.get(['x'])).rejects.toMatchObject({ status: 503, retryAfterSeconds: 30 });
    await server.start();
    await expect.poll(() => redis.now().state).toBe('ok');
    expect(times).toBe(2);
    expect(logged).toHaveLength(3);
  });
});
