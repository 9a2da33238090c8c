import { describe, expect, it, vi } from 'vitest';
import { createManualTime } from '../tools/manual-time.js';
import type { ScriptedCommand } from '../tools/scripted-imap.js';
import { known, push, startScripted } from './scripted.js';
import { watch } from './watch.js';

/** Answers every command of this name so while it is told to. */
function refusing(name: string, answer: string): { on: (command: ScriptedCommand) => boolean; stop: () => void } {
  let refuses = true;
  return {
    on: (command) => {
      if (command.name !== name || !refuses) return false;
      command.line(`${command.tag} NO ${answer}`);
      return true;
    },
    stop: () => {
      refuses = false;
    },
  };
}

describe('a server that has no time for us', () => {
  it.each(['[LIMIT] Too many connections', '[INUSE] Somebody else is at it', '[UNAVAILABLE] Try later'])(
    'at the login, with %s, is tried again soon',
    async (answer) => {
      const { on, stop } = refusing('LOGIN', answer);
      const { watched } = await startScripted({ on, messages: [push] }, { progress: known });
      for (let count = 0; count < 3; count += 1) {
        expect((await watched.next('disconnected')).error).toMatchObject({
          code: 'ERR_IMAP_UNREACHABLE',
          disposition: 'transient',
          message: expect.stringMatching(/^127\.0\.0\.1 takes no logins at the moment \(it said: /),
        });
      }
      stop();
      expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    },
  );

  it.each(['[LIMIT] Too many selects', '[INUSE] Locked', '[UNAVAILABLE] Disk is away'])(
    'at the folder, with %s, is tried again soon',
    async (answer) => {
      const { on, stop } = refusing('SELECT', answer);
      const { watched } = await startScripted({ on, messages: [push] }, { progress: known });
      for (let count = 0; count < 3; count += 1) {
        expect((await watched.next('disconnected')).error).toMatchObject({
          code: 'ERR_IMAP_REFUSED',
          disposition: 'transient',
        });
      }
      stop();
      expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    },
  );

  it('and drops every connection after its login sees us six times a minute at most, however often we are woken', async () => {
    const time = createManualTime();
    const { server, watched } = await startScripted(
      {
        on: ({ name, end }) => {
          if (name === 'IDLE') end();
          return name === 'IDLE';
        },
      },
      { time, times: { retryFirstMs: 1000, retryMaxMs: 300_000, loginsPerMinute: 6 } },
    );
    const madeAfter: number[] = [];
    for (let second = 0; second < 180; second += 1) {
      time.pass(1000);
      watched.mailbox.wake('network');
      await server.flushed();
      if (second % 60 === 59) madeAfter.push(server.connections().made);
    }
    const [first = 0, second = 0, third = 0] = madeAfter;
    expect(first).toBeGreaterThan(3);
    for (const made of [first, second - first, third - second]) expect(made).toBeLessThanOrEqual(6);
  });
});

describe('a server that is hard to find', () => {
  it('because its name is not known is looked for again and again', async () => {
    const watched = watch({ host: 'mail.invalid', port: 143 });
    for (let count = 0; count < 3; count += 1) {
      expect((await watched.next('disconnected')).error).toMatchObject({
        code: 'ERR_IMAP_UNREACHABLE',
        disposition: 'transient',
        message: expect.stringMatching(/^mail\.invalid cannot be reached \((ENOTFOUND|EAI_AGAIN)\): it is tried again/),
      });
    }
  });

  it('because it accepts and says nothing is given up after half a minute, and tried again', async () => {
    const { server, watched } = await startScripted({ greeting: '' }, { times: { connectMs: 100 } });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_UNREACHABLE',
      disposition: 'transient',
    });
    await watched.next('disconnected');
    await vi.waitFor(() => expect(server.connections().mostOpen).toBe(1));
  });
});
