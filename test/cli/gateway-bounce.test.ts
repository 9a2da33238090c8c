import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseEndpoint } from '../../src/notify-spec/index.js';
import { startGatewayProcess, writeGatewayConfig } from '../gateway/gateway-process.js';
import { sealWith } from '../gateway/seal-with.js';
import { freePort } from '../tools/free-port.js';
import { describeWithRedis, startRedisServer } from '../tools/redis-server.js';
import { type Ended, runCommand } from '../tools/run-command.js';
import { useSenderFixture } from '../tools/sender-fixture.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';

const fixture = useSenderFixture();

/** What Postfix sends back for a push to a channel of Alice. */
async function bounceOf(channel: string): Promise<string> {
  const text = await readFile(new URL('../../fixtures/bounces/postfix.eml', import.meta.url), 'utf8');
  expect(text).toContain('CbUrOA3Zq8xN0yF2mW7tKpJvR1E');
  return text.replaceAll('CbUrOA3Zq8xN0yF2mW7tKpJvR1E', channel);
}

const bounce = (config: string, input: string): Promise<Ended> =>
  runCommand(['gateway', '--config', config, '--bounce'], { input });

describeWithRedis('mailpush gateway --bounce', () => {
  it('makes the endpoint of a push that came back a 410 at every replica, and passes over other mail', {
    timeout: 90_000,
  }, async () => {
    const redis = await startRedisServer();
    onTestFinished(() => redis.stop());
    const smtp = await fixture().startSmtp();
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const directory = join(await temporaryDirectory(), 'gateway');
    const more = `redis = "${redis.url}"\n`;
    const config = await writeGatewayConfig({
      directory,
      publicUrl,
      port,
      smtp: { host: '127.0.0.1', port: smtp.port },
      tls: false,
      more,
    });
    const gateway = await startGatewayProcess(config);
    onTestFinished(async () => void (await gateway.stop()));
    const { endpoint } = fixture().alice;
    const url = await sealWith(directory, publicUrl, endpoint);
    const push = async (): Promise<number> =>
      (await fetch(url, { method: 'POST', headers: { TTL: '60' }, body: 'Hello' })).status;

    expect(await bounce(config, await bounceOf('A'.repeat(27)))).toMatchObject({ code: 0, stdout: '' });
    expect(await bounce(config, 'Subject: Hello\r\n\r\nNo bounce at all.\r\n')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await bounce(config, '')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await bounce(config, 'x'.repeat(3_000_000))).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await push()).toBe(201);

    const { code, stderr } = await bounce(config, await bounceOf(parseEndpoint(endpoint).channel));
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/alice|example\.org/);
    expect(await push()).toBe(410);

    await redis.kill();
    const without = await bounce(config, await bounceOf('B'.repeat(27)));
    expect(without.code).toBe(69);
    expect(without.stderr).toMatch(/^mailpush: This cannot be noted now; try again later\.$/m);
  });

  it('needs no secret and no key, but a Redis', async () => {
    const directory = await temporaryDirectory();
    const config = join(directory, 'bounce.toml');
    const required = {
      secret_file: 'nowhere',
      key_file: 'nowhere',
      smtp: 'smtp://127.0.0.1',
      from: 'push@app.example',
    };
    const lines = Object.entries({ public_url: 'https://push.example.org', ...required });
    const text = `[gateway]\n${lines.map(([key, value]) => `${key} = "${value}"`).join('\n')}\n`;
    await writeFile(config, text);
    expect(await bounce(config, 'Subject: Hello\r\n\r\n')).toEqual({
      code: 78,
      stdout: '',
      stderr: `mailpush: ${config}: gateway.redis is missing, without which nobody can be told of bounces: add it.\n`,
    });
    await writeFile(config, `${text}redis = "redis://127.0.0.1:${await freePort()}"\n`);
    expect(await bounce(config, 'Subject: Hello\r\n\r\n')).toMatchObject({ code: 0, stderr: '' });
  });
});
