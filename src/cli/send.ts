import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { isAddress, isTopic, isTtl, isUrgency, limits, parseEndpoint, urgencies } from '../notify-spec/index.js';
import { createSender, type PushOptions, type PushReceipt, type SmtpOptions } from '../sender/index.js';
import { keptKey } from './kept-key.js';
import { UsageError } from './usage-error.js';

/** Options of `mailpush send`, as they stand on the command line. */
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

/** One more try bridges a connection that broke; whoever waits at a prompt, or a script, decides about the rest. */
const retry = { most: 1, firstPauseMs: 500 };

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} (${what}) cannot be read: check the path.`, cause);
  }
}

/** Throws `ERR_USAGE` or `ERR_ENDPOINT_INVALID`. */
async function endpointOf(argument: string): Promise<string> {
  const endpoint = argument.startsWith('@') ? (await readText(argument.slice(1), 'the endpoint')).trim() : argument;
  if (/^https?:/i.test(endpoint)) {
    throw new UsageError('This endpoint is a Web Push URL: push to it with a Web Push library.');
  }
  parseEndpoint(endpoint);
  return endpoint;
}

/** One byte more than is allowed, at most: enough to know that it is too much. */
async function readPayload(stream: Readable, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limits.payloadBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, limits.payloadBytes + 1);
}

async function payloadOf(file: string | undefined, signal: AbortSignal): Promise<Uint8Array> {
  const isInput = file === undefined || file === '-';
  try {
    const payload = await readPayload(isInput ? process.stdin : createReadStream(file), signal);
    if (payload.length > 0 && payload.length <= limits.payloadBytes) return payload;
    const size = payload.length === 0 ? 'is empty' : `is over ${limits.payloadBytes} bytes`;
    throw new UsageError(`The payload ${size}: a push has 1 to ${limits.payloadBytes} bytes.`);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    signal.throwIfAborted();
    throw new UsageError(`${isInput ? 'Standard input' : file} (the payload) cannot be read: check the path.`, cause);
  }
}

function smtpOf(url: string): SmtpOptions {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.username === '' || parsed.password !== '') return { url };
  const pass = process.env[passwordVariable];
  if (pass === undefined || pass === '') {
    throw new UsageError(`--smtp names a user but no password: put it into the variable ${passwordVariable}.`);
  }
  try {
    return { url, auth: { user: decodeURIComponent(parsed.username), pass } };
  } catch {
    throw new UsageError('--smtp has a user that is not percent-encoded: write % as %25.');
  }
}

function pushOptions({ ttl, urgency, topic }: SendOptions): PushOptions {
  if (ttl !== undefined && !(/^\d+$/.test(ttl) && isTtl(Number(ttl)))) {
    throw new UsageError('--ttl is not a whole number of seconds: write it like 3600.');
  }
  if (urgency !== undefined && !isUrgency(urgency)) {
    throw new UsageError(`--urgency is not one of ${urgencies.join(', ')}: use one of them.`);
  }
  if (topic !== undefined && !isTopic(topic)) {
    throw new UsageError(`--topic is not 1 to ${limits.topicChars} letters, digits, - and _: choose another.`);
  }
  return {
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    ...(urgency === undefined ? {} : { urgency }),
    ...(topic === undefined ? {} : { topic }),
  };
}

/**
 * Sends one push; resolves when the SMTP server has taken it. Nothing is made or sent before everything that was given has
 * been checked. Rejects with `ERR_USAGE`, `ERR_ENDPOINT_INVALID`, `ERR_FILE_WRITE` and a `PushError`.
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
  const smtp = smtpOf(options.smtp);
  const payload = await payloadOf(file, signal);
  const key = options.key === undefined ? await keptKey(from) : await readText(options.key, '--key');
  const sender = createSender({ smtp, from, key, retry });
  try {
    return await sender.send(target, payload, { ...delivery, signal });
  } finally {
    await sender.close();
  }
}
