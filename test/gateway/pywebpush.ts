import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { testAuthority } from '../mail-servers/dovecot.js';
import type { HttpAnswer } from './https-request.js';
import { type PushLibrary, vapidSubject } from './push-library.js';

/** Where `scripts/test-servers` puts it. */
const python = fileURLToPath(new URL('../../.cache/pywebpush/bin/python', import.meta.url));
const script = fileURLToPath(new URL('./pywebpush-sender.py', import.meta.url));

/** Whether it is there. */
export const pywebpushIsThere: boolean = existsSync(python);

/** pywebpush of PyPI, in a Python of its own that ends with this process at the latest. */
export function startPywebpush(): PushLibrary {
  const child = spawn(python, [script], {
    env: { PATH: process.env.PATH, REQUESTS_CA_BUNDLE: testAuthority },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const waiting: ((line: string | undefined) => void)[] = [];
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  const ended = once(child, 'close').then(() => {
    for (const answer of waiting.splice(0)) answer(undefined);
  });
  return {
    name: 'pywebpush',
    send: async (subscription, { payload, coding = 'aes128gcm', ttl = 2_419_200, urgency, topic, vapid }) => {
      const line = await new Promise<string | undefined>((resolve) => {
        waiting.push(resolve);
        const push = {
          subscription,
          data: Buffer.from(payload as Uint8Array).toString('base64'),
          coding,
          ttl,
          headers: { ...(urgency !== undefined && { urgency }), ...(topic !== undefined && { topic }) },
          vapid: vapid?.privateKey ?? null,
          draft: coding === 'aesgcm',
          sub: vapidSubject,
        };
        child.stdin.write(`${JSON.stringify(push)}\n`);
      });
      if (line === undefined) throw new Error(`pywebpush has ended. ${complaint}`);
      return JSON.parse(line) as HttpAnswer;
    },
    close: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
