import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startGatewayProcess, writeGatewayConfig } from '../gateway/gateway-process.js';
import { askOverHttps } from '../gateway/https-request.js';
import { sealWith } from '../gateway/seal-with.js';
import { localCertificate } from '../gateway/tls-front.js';
import { canRun } from '../interop/outside-program.js';
import { findProgram } from '../tools/find-program.js';
import { freePort } from '../tools/free-port.js';
import { startProgram } from '../tools/run-command.js';
import { useSenderFixture } from '../tools/sender-fixture.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import { inContrib } from './shipped-file.js';

const fixture = useSenderFixture();
const nginx = findProgram('nginx');
const canServe = canRun('nginx', nginx !== undefined, 'scripts/test-servers');

/** The file that comes along, for a name, a certificate, ports and folders of this test, below what nginx wants around it. */
async function configure(directory: string, outside: number, inside: number): Promise<string> {
  const shipped = await readFile(inContrib('nginx/mailpush-gateway.conf'), 'utf8');
  const site = shipped
    .replaceAll('push.example.org;', 'localhost;')
    .replace('listen [::]:443 ssl http2;', '')
    .replace('listen 443 ssl http2;', `listen 127.0.0.1:${outside} ssl http2;`)
    .replaceAll('127.0.0.1:8480', `127.0.0.1:${inside}`)
    .replace(/ssl_certificate .*;/, `ssl_certificate ${localCertificate.cert};`)
    .replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${localCertificate.key};`)
    .replace('/var/log/nginx/mailpush-gateway.log', join(directory, 'site.log'));
  expect(site).not.toMatch(/example\.org;|letsencrypt|\/var\/|\b443\b|8480;/);
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  );
  const file = join(directory, 'nginx.conf');
  const around = `daemon off; pid ${directory}/pid; error_log stderr; events {} http { access_log ${directory}/access.log; ${folders.join(' ')}`;
  await writeFile(file, `${around}\n${site}}\n`);
  return file;
}

it.skipIf(!canServe)('the file for nginx lets pushes through, keeps metrics inside, and logs no endpoint', async () => {
  const smtp = await fixture().startSmtp();
  const [outside, inside] = [await freePort(), await freePort()];
  const publicUrl = `https://localhost:${outside}`;
  const directory = await temporaryDirectory();
  const settings = { publicUrl, port: inside, smtp: { host: '127.0.0.1', port: smtp.port }, tls: false };
  const gatewayDirectory = join(directory, 'gateway');
  const gateway = await startGatewayProcess(await writeGatewayConfig({ directory: gatewayDirectory, ...settings }));
  onTestFinished(async () => void (await gateway.stop()));
  const config = await configure(directory, outside, inside);

  const checked = await startProgram(nginx ?? '', ['-t', '-c', config, '-p', directory]).ended;
  expect(checked.stderr).toContain('test is successful');
  expect(checked.stderr).not.toContain('[warn]');
  const front = startProgram(nginx ?? '', ['-c', config, '-p', directory]);
  await expect.poll(() => askOverHttps(`${publicUrl}/health`).catch(() => undefined)).toMatchObject({ status: 200 });

  const endpoint = await sealWith(gatewayDirectory, publicUrl, fixture().alice.endpoint);
  const push = (body: string, headers = {}) =>
    askOverHttps(endpoint, { method: 'POST', headers: { TTL: 60, 'Content-Length': body.length, ...headers }, body });
  expect(await push('Hello')).toMatchObject({ status: 201, headers: { ttl: '60' } });
  expect(smtp.given.map(({ to }) => to)).toEqual(['alice@example.org']);
  expect(JSON.parse((await push('x'.repeat(4097))).body)).toMatchObject({ code: 413, errno: 104 });
  expect((await askOverHttps(endpoint)).status).toBe(200);
  expect((await askOverHttps(`${publicUrl}/metrics`)).status).toBe(404);

  front.kill('SIGQUIT');
  const { code, stderr } = await front.ended;
  expect(code).toBe(0);
  const said = [
    stderr,
    await readFile(join(directory, 'access.log'), 'utf8'),
    await readFile(join(directory, 'site.log'), 'utf8'),
  ];
  for (const text of said) expect(text).not.toContain('/p/');
});
