import { describe, expect, it } from 'vitest';
import { ImapError } from '../imap/index.js';
import { createHealth, type Health } from './health.js';

/** A health whose clock is set by hand; it begins at 1000. */
function setting(): { readonly health: Health; at(now: number): void } {
  let now = 1000;
  return {
    health: createHealth({ now: () => now }),
    at: (next) => {
      now = next;
    },
  };
}

const refused = new ImapError('ERR_IMAP_LOGIN', 'The login was refused: check the password.');
const lost = new ImapError('ERR_IMAP_LOST', 'The connection was lost: it is made again by itself.');

describe('trouble', () => {
  it('is remembered from its beginning until it is over, with its latest sentence', () => {
    const { health, at } = setting();
    health.trouble('store', 'The disk is full: make room.');
    at(2000);
    health.trouble('store', 'The disk is read-only: look at the system log.');
    expect(health.troubles()).toEqual([
      { source: 'store', sentence: 'The disk is read-only: look at the system log.', since: 1000 },
    ]);
    health.trouble('store', undefined);
    expect(health.troubles()).toEqual([]);
    health.trouble('store', 'Again: do something.');
    expect(health.troubles()).toMatchObject([{ since: 2000 }]);
  });

  it('comes with the worst first, and the oldest among equals', () => {
    const { health, at } = setting();
    for (const [index, source] of ['device', 'app:org.example.B', 'unheard of', 'line', 'app:a', 'store'].entries()) {
      at(index);
      health.trouble(source, 'Wrong.');
    }
    const sources = health.troubles().map(({ source }) => source);
    expect(sources).toEqual(['store', 'line', 'app:org.example.B', 'app:a', 'device', 'unheard of']);
  });

  it('has a bound, within which the worst is kept', () => {
    const { health, at } = setting();
    for (let index = 0; index < 1000; index += 1) {
      at(index);
      health.trouble(`app:org.example.A${index}`, 'x'.repeat(100_000));
    }
    health.trouble('line', 'No line.');
    const troubles = health.troubles();
    expect(troubles).toHaveLength(100);
    expect(troubles[0]?.source).toBe('line');
    expect(troubles[1]).toMatchObject({ source: 'app:org.example.A0' });
    expect(troubles[1]?.sentence).toHaveLength(500);
  });
});

describe('the line', () => {
  it('is being made at the start', () => {
    const { health } = setting();
    expect([health.line(), health.troubles()]).toEqual([{ state: 'connecting', since: 1000 }, []]);
  });

  it('is connected since it was last made', () => {
    const { health, at } = setting();
    at(1500);
    health.mailbox({ type: 'connected', canIdle: true });
    at(9000);
    expect(health.line()).toEqual({ state: 'connected', since: 1500, canIdle: true });
  });

  it('that is lost waits for the next try, with its reason as trouble, and counts from when it was lost', () => {
    const { health, at } = setting();
    health.mailbox({ type: 'connected', canIdle: false });
    at(2000);
    health.mailbox({ type: 'disconnected', error: lost, retryMs: 500 });
    expect(health.line()).toEqual({ state: 'waiting', since: 2000, retryAt: 2500 });
    at(2500);
    expect(health.line()).toEqual({ state: 'connecting', since: 2000 });
    at(2600);
    health.mailbox({ type: 'disconnected', error: refused, retryMs: 1000 });
    expect(health.line()).toEqual({ state: 'waiting', since: 2000, retryAt: 3600 });
    expect(health.troubles()).toEqual([{ source: 'line', sentence: refused.message, since: 2000 }]);
    health.mailbox({ type: 'connected', canIdle: true });
    expect(health.troubles()).toEqual([]);
  });

  it('that breaks for a reason unforeseen says no more than where to look', () => {
    const { health } = setting();
    health.mailbox({ type: 'disconnected', error: new TypeError('secret'), retryMs: 1 });
    expect(health.troubles()[0]?.sentence).toMatch(/^The mail server .*: look at the log/);
  });

  it('whose server does not announce new mail is a trouble of its own, which a new connection does not end', () => {
    const { health } = setting();
    health.mailbox({ type: 'announcements', reliable: false });
    health.mailbox({ type: 'connected', canIdle: true });
    expect(health.troubles()).toMatchObject([
      { source: 'announcements', sentence: expect.stringMatching(/does not announce new mail .*: it is asked/) },
    ]);
    health.mailbox({ type: 'announcements', reliable: true });
    expect(health.troubles()).toEqual([]);
  });

  it('to a mailbox that is full is a trouble of its own, until there is room', () => {
    const { health } = setting();
    health.mailbox({ type: 'room', isFull: true });
    health.mailbox({ type: 'connected', canIdle: true });
    expect(health.troubles()).toMatchObject([
      { source: 'quota', sentence: expect.stringMatching(/^The mailbox is full, .*: delete mail/) },
    ]);
    health.mailbox({ type: 'room', isFull: false });
    expect(health.troubles()).toEqual([]);
  });
});
