import { addAbortSignal } from 'node:stream';
import { ConfigError, defaultConfigFile, loadGatewayRedis } from '../config/index.js';
import { revokeBounced } from '../gateway/index.js';
import { createRuntime } from '../runtime.js';
import { createLog } from './log.js';

/** Mail servers send back the headers, or the whole of a push mail, which has 7 kB. */
const maxBounceBytes = 262_144;

/** The rest is read too: a mail server takes a pipe that is closed early for a failure. */
async function readMail(signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Buffer>) {
    if (size < maxBounceBytes) chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, maxBounceBytes);
}

/**
 * Reads a mail to the gateway's address from standard input, and revokes the endpoint that it says is no more. Other mail is none of its
 * business: it resolves. Rejects with a ConfigError, or `ERR_GATEWAY_UNAVAILABLE` without Redis.
 */
export async function gatewayBounce(
  options: { readonly config?: string; readonly verbose: boolean },
  signal: AbortSignal,
): Promise<void> {
  const file = options.config ?? defaultConfigFile();
  const redis = await loadGatewayRedis(file);
  if (redis === undefined) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: gateway.redis is missing, without which nobody can be told of bounces: add it.`,
    );
  }
  const { url, password } = redis;
  const log = createLog({ verbose: options.verbose, unsaid: [] });
  const server = { url, ...(password === undefined ? {} : { password }) };
  const count = await revokeBounced(await readMail(signal), { redis: server, runtime: createRuntime(log) });
  if (count > 0) log.info({ event: 'gateway.bounced', count }, 'The endpoint of a push that came back was revoked.');
}
