import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { defaultStateDirectory } from '../config/index.js';
import { isAddress, limits } from '../notify-spec/index.js';
import {
  armorPrivateKey,
  createSender,
  generateKey,
  type PushOptions,
  type PushReceipt,
  type SmtpOptions,
} from '../sender/index.js';
import { writePrivateFile } from './private-file.js';
import { UsageError } from './usage-error.js';

/** Options of `mailpush send`. */
export interface SendOptions {
  readonly smtp: string;
  readonly from: string;
  readonly key?: string;
  readonly ttl?: string;
  readonly urgency?: string;
  readonly topic?: string;
}

/** The environment variable for the password that does not belong on a command line. */
const passwordVariable = 'MAILPUSH_SMTP_PASSWORD';

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} (${what}) cannot be read: check the path.`, cause);
  }
}

async function endpointOf(argument: string): Promise<string> {
  return argument.startsWith('@') ? (await readText(argument.slice(1), 'the endpoint')).trim() : argument;
}

/** One byte more than is allowed, at most: enough to know that it is too much. */
async function readPayload(stream: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limits.payloadBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, limits.payloadBytes + 1);
}

async function payloadOf(file: string | undefined): Promise<Uint8Array> {
  if (file === undefined || file === '-') return await readPayload(process.stdin);
  try {
    return await readPayload(createReadStream(file));
  } catch (cause) {
    throw new UsageError(`${file} (the payload) cannot be read: check the path.`, cause);
  }
}

/** The key for an address when none is named: made once and kept, so that receivers know the sender again. */
async function keptKey(from: string): Promise<string> {
  const path = join(defaultStateDirectory(), 'sender-keys', `${encodeURIComponent(from.toLowerCase())}.asc`);
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept;
  const armored = armorPrivateKey(await generateKey({ address: from, now: Date.now() }));
  await writePrivateFile(path, armored);
  return armored;
}

function smtpOf(url: string): SmtpOptions {
  const pass = process.env[passwordVariable];
  let user: string;
  try {
    const parsed = new URL(url);
    if (parsed.password !== '') return { url };
    user = decodeURIComponent(parsed.username);
  } catch {
    return { url };
  }
  return user === '' || pass === undefined ? { url } : { url, auth: { user, pass } };
}

function pushOptions({ ttl, urgency, topic }: SendOptions): PushOptions {
  if (ttl !== undefined && !/^\d+$/.test(ttl)) throw new UsageError('--ttl is not a number of seconds.');
  return {
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    ...(urgency === undefined ? {} : { urgency: urgency as NonNullable<PushOptions['urgency']> }),
    ...(topic === undefined ? {} : { topic }),
  };
}

/**
 * Sends one push; resolves when the SMTP server has taken it. Rejects with `ERR_USAGE` and a `PushError`.
 *
 * @param endpoint the endpoint itself, or `@` and a file that holds it.
 * @param file the payload; undefined or `-` for standard input.
 */
export async function send(
  endpoint: string,
  file: string | undefined,
  options: SendOptions,
  signal: AbortSignal,
): Promise<PushReceipt> {
  const { from } = options;
  if (!isAddress(from)) throw new UsageError('--from is not a mail address: write it like push@app.example.');
  const target = await endpointOf(endpoint);
  const delivery = pushOptions(options);
  const payload = await payloadOf(file);
  const key = options.key === undefined ? await keptKey(from) : await readText(options.key, '--key');
  const sender = createSender({ smtp: smtpOf(options.smtp), from, key });
  try {
    return await sender.send(target, payload, { ...delivery, signal });
  } finally {
    await sender.close();
  }
}
