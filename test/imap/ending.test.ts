import { describe, expect, it, vi } from 'vitest';
import { createManualTime } from '../tools/manual-time.js';
import { type ScriptedImapOptions, startScriptedImap } from '../tools/scripted-imap.js';
import { notify } from './mails.js';
import { type WatchOptions, watch } from './watch.js';

interface Phase {
  readonly phase: string;
  readonly server?: ScriptedImapOptions;
  readonly watch?: WatchOptions;
  /** The last command that the server has got by then. */
  readonly at?: RegExp;
  readonly ends: 'with LOGOUT' | 'without a word';
}

function silentAt(name: string): ScriptedImapOptions {
  return { messages: [{ uid: 5, header: notify() }], on: (command) => command.name === name };
}

function refusesAt(command: string): ScriptedImapOptions {
  return {
    on: ({ name, tag, line }) => {
      if (name === command) line(`${tag} NO never`);
      return name === command;
    },
  };
}

const progress = { uidValidity: '1000', lastUid: 4 };

const phases: Phase[] = [
  {
    phase: 'while the password is waited for',
    watch: { account: { credentials: () => new Promise(() => {}) } },
    ends: 'without a word',
  },
  { phase: 'in the TLS handshake', watch: { account: { security: 'tls' } }, at: /^$/, ends: 'without a word' },
  { phase: 'before the greeting', server: { greeting: '' }, ends: 'without a word' },
  { phase: 'before the login', server: silentAt('CAPABILITY'), at: /^CAPABILITY/, ends: 'without a word' },
  { phase: 'at the login', server: silentAt('LOGIN'), at: /^LOGIN/, ends: 'without a word' },
  { phase: 'after the login', server: silentAt('LIST'), at: /^LIST/, ends: 'without a word' },
  { phase: 'while the folder is opened', server: silentAt('SELECT'), at: /^SELECT/, ends: 'without a word' },
  {
    phase: 'in a look without an answer',
    server: silentAt('UID FETCH'),
    watch: { progress },
    at: /^UID FETCH/,
    ends: 'without a word',
  },
  {
    phase: 'in a search without an answer',
    server: silentAt('UID SEARCH'),
    watch: { progress: { uidValidity: '7', lastUid: 4 } },
    at: /^UID SEARCH/,
    ends: 'without a word',
  },
  { phase: 'in IDLE', at: /^IDLE/, ends: 'with LOGOUT' },
  { phase: 'in IDLE without an answer', server: silentAt('IDLE'), at: /^IDLE/, ends: 'without a word' },
  { phase: 'between two polls', server: { capabilities: 'IMAP4rev1' }, at: /^SELECT/, ends: 'with LOGOUT' },
  {
    phase: 'before IDLE is tried again',
    server: refusesAt('IDLE'),
    at: /^IDLE/,
    ends: 'with LOGOUT',
  },
  {
    phase: 'when LOGOUT has no answer',
    server: silentAt('LOGOUT'),
    at: /^IDLE/,
    ends: 'with LOGOUT',
  },
  {
    phase: 'between two tries',
    server: refusesAt('LOGIN'),
    at: /^LOGIN/,
    ends: 'without a word',
  },
];

describe('an abort', () => {
  it.each(phases)('$phase ends all within a second, $ends', async ({ server: script = {}, at, ends, ...options }) => {
    const time = createManualTime();
    const server = await startScriptedImap(script);
    const watched = watch(server, { ...options.watch, time });
    if (at === undefined) await new Promise((resolve) => setImmediate(resolve));
    else await vi.waitFor(() => expect(server.commands.at(-1) ?? '').toMatch(at));
    if (options.watch?.account?.credentials === undefined)
      await vi.waitFor(() => expect(server.connections().made).toBe(1));
    // Whatever comes after the command has come.
    await server.flushed();
    const before = time.runtime.monotonicMs();
    await watched.stop();
    expect(time.runtime.monotonicMs() - before).toBeLessThanOrEqual(1200);
    expect(time.sleepers()).toEqual([]);
    await vi.waitFor(() => expect(server.connections().open).toBe(0));
    expect(server.commands.includes('LOGOUT')).toBe(ends === 'with LOGOUT');
    expect(server.connections().made).toBeLessThanOrEqual(1);
  });

  it('that came first leaves everything as it is', async () => {
    const server = await startScriptedImap();
    const watched = watch(server);
    await watched.stop();
    for await (const event of watched.mailbox.events(AbortSignal.abort())) expect.fail(`There was ${event.type}.`);
    await server.flushed();
    expect(watched.events).toEqual([]);
    await vi.waitFor(() => expect(server.connections().open).toBe(0));
  });

  it('lets the command that is running come to its end', async () => {
    const time = createManualTime();
    let finish = (): void => {};
    const server = await startScriptedImap({
      messages: [{ uid: 5, header: notify() }],
      on: ({ name, proceed }) => {
        if (name !== 'UID EXPUNGE') return undefined;
        finish = proceed;
        return true;
      },
    });
    const watched = watch(server, { time, progress });
    await watched.found();
    const removed = watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: 5 }]);
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('UID EXPUNGE 5'));
    const ended = watched.abort();
    finish();
    await expect(removed).resolves.toBe('removed');
    await ended;
    expect(server.commands.at(-1)).toBe('LOGOUT');
    expect(time.sleepers()).toEqual([]);
  });
});

describe('whoever stops listening', () => {
  it.each(['connected', 'looked', 'disconnected'] as const)('at %s closes the connection', async (type) => {
    const time = createManualTime();
    const server = await startScriptedImap(type === 'disconnected' ? refusesAt('SELECT') : {});
    const watched = watch(server, { time });
    await watched.stop();
    const made = server.connections().made;
    for await (const event of watched.mailbox.events(new AbortController().signal)) {
      if (event.type === type) break;
    }
    expect(server.connections().made).toBe(made + 1);
    await vi.waitFor(() => expect(server.connections().open).toBe(0));
    expect(time.sleepers()).toEqual([]);
  });

  it('by an error of its own closes the connection too', async () => {
    const server = await startScriptedImap();
    const watched = watch(server);
    await watched.stop();
    const listen = async (): Promise<void> => {
      for await (const event of watched.mailbox.events(new AbortController().signal)) {
        if (event.type === 'looked') throw new Error('The disk is full.');
      }
    };
    await expect(listen()).rejects.toThrow('The disk is full.');
    expect(server.commands.at(-1)).toBe('LOGOUT');
    await vi.waitFor(() => expect(server.connections().open).toBe(0));
  });
});
