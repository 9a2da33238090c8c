import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createChannel, from } from '../../test/tools/sender-fixture.js';
import { temporaryDirectory } from '../../test/tools/temporary-directory.js';
import { MailpushError } from '../errors.js';
import { exitCodeOf } from './exit-codes.js';
import { type SendOptions, send } from './send.js';

const { endpoint } = await createChannel();
let directory: string;
let payload: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  payload = join(directory, 'payload');
  await writeFile(payload, 'hello');
});

/** Nobody listens there, and nobody is asked: all of it is found out before. */
const place: SendOptions = { smtp: 'smtps://mail.app.example', from };

async function errorOf(target: string, file: string, options: Partial<SendOptions> = {}): Promise<MailpushError> {
  const sent = send(target, file, { ...place, ...options }, new AbortController().signal);
  const error: unknown = await sent.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MailpushError);
  return error as MailpushError;
}

describe('what stands on the command line of send', () => {
  it.each([
    ['an empty endpoint', '', {}, 'This is not a mail endpoint'],
    ['an endpoint file that is not there', '@/there/is/none', {}, '/there/is/none (the endpoint) cannot be read'],
    ['a negative TTL', endpoint, { ttl: '-1' }, '--ttl is not a whole number'],
    ['half a second', endpoint, { ttl: '0.5' }, '--ttl is not a whole number'],
    ['an empty TTL', endpoint, { ttl: '' }, '--ttl is not a whole number'],
    ['a TTL beyond all numbers', endpoint, { ttl: '9'.repeat(400) }, '--ttl is not a whole number'],
    ['an empty urgency', endpoint, { urgency: '' }, '--urgency is not one of very-low, low, normal, high'],
    ['an urgency in capitals', endpoint, { urgency: 'High' }, '--urgency is not one of'],
    ['an empty topic', endpoint, { topic: '' }, '--topic is not 1 to 32 letters, digits, - and _'],
    ['a topic with a space', endpoint, { topic: 'a b' }, '--topic is not 1 to 32 letters, digits, - and _'],
    ['an address with a name', endpoint, { from: 'Push <push@app.example>' }, '--from is not a mail address'],
    [
      'a user without a password',
      endpoint,
      { smtp: 'smtps://me@mail.app.example' },
      '--smtp names a user but no password',
    ],
  ])('is refused for %s', async (_, target, options, message) => {
    const error = await errorOf(target, payload, options);
    expect(error.message).toContain(message);
    expect(exitCodeOf(error)).toBe(2);
  });

  it('is refused for a payload that is not there, a folder, or empty', async () => {
    await mkdir(join(directory, 'folder'));
    await writeFile(join(directory, 'empty'), '');
    expect((await errorOf(endpoint, join(directory, 'none'))).message).toMatch(/none \(the payload\) cannot be read/);
    expect((await errorOf(endpoint, join(directory, 'folder'))).message).toMatch(/folder \(the payload\) cannot be/);
    expect((await errorOf(endpoint, join(directory, 'empty'))).message).toMatch(/^The payload is empty/);
  });

  it('takes an endpoint out of a file with a line break at its end, but not without its scheme', async () => {
    const file = join(directory, 'endpoint');
    await writeFile(file, `${endpoint.replace('mailto:', '')}\n`);
    expect((await errorOf(`@${file}`, payload)).code).toBe('ERR_ENDPOINT_INVALID');
    await writeFile(file, `${endpoint}\n`);
    expect((await errorOf(`@${file}`, payload, { key: '/there/is/none' })).message).toContain('--key');
  });
});
