import { describe, expect, it, vi } from 'vitest';
import { createManualTime } from '../tools/manual-time.js';
import type { ScriptedCommand } from '../tools/scripted-imap.js';
import { channel } from './mails.js';
import { known, once, push, startScripted as start } from './scripted.js';

describe('a server that ends IDLE by itself', () => {
  it('is asked for news after pauses that grow up to the time of polling', async () => {
    const time = createManualTime();
    const ends = (command: ScriptedCommand): boolean | undefined => {
      if (command.name !== 'IDLE') return undefined;
      command.line('+ idling');
      command.line(`${command.tag} OK enough`);
      return true;
    };
    const { server } = await start(
      { on: ends },
      { time, times: { retryFirstMs: 1000, pollMs: 5000, idleRestartMs: 540_000 } },
    );
    const pauses: number[] = [];
    for (let count = 1; count <= 5; count += 1) {
      await vi.waitFor(() => expect(server.commands.filter((name) => name === 'IDLE')).toHaveLength(count));
      const pause = await vi.waitFor(() => {
        const [shortest] = time.sleepers().filter((ms) => ms <= 5000);
        if (shortest === undefined) throw new Error('It does not pause.');
        return shortest;
      });
      pauses.push(pause);
      time.pass(pause);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 5000, 5000]);
    const loop = ['IDLE', 'NOOP'];
    await vi.waitFor(() =>
      expect(server.commands.slice(-11)).toEqual([...loop, ...loop, ...loop, ...loop, ...loop, 'IDLE']),
    );
  });

  it('or refuses it still tells what has come', async () => {
    const time = createManualTime();
    const messages = [{ uid: 4 }];
    let count = 1;
    const { server, watched } = await start(
      {
        messages,
        on: (command) => {
          if (command.name === 'IDLE') command.line(`${command.tag} NO not now`);
          else if (command.name === 'NOOP') {
            if (count === 1) server.add(push);
            count = 2;
            command.line('* 2 EXISTS');
            command.line(`${command.tag} OK done`);
          } else return undefined;
          return true;
        },
      },
      { time },
    );
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    await vi.waitFor(() => expect(time.sleepers().length).toBe(2));
    time.pass(1000);
    expect((await watched.found()).found).toEqual([{ uid: 5, sizeBytes: 100, channel }]);
  });
});

describe('a server that sends too much', () => {
  it.each([
    ['a line without an end', 'x'.repeat(3_000_000)],
    ['a literal larger than any message', '* 1 FETCH (UID 5 BODY[] {99999999}\r\n'],
    ['a response of many literals', `* 1 FETCH (${'X {1000000}\r\n'.concat('y'.repeat(1_000_000), ' ').repeat(3)}`],
  ])('such as %s loses its connection and is tried again', async (_, garbage) => {
    const { server, watched } = await start({
      messages: [{ uid: 4 }],
      on: once('IDLE', ({ write }) => write(garbage)),
    });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    await watched.next('connected');
    server.add(push);
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });

  it('such as garbage before the greeting is out of reach', async () => {
    const { watched } = await start({ greeting: 'x'.repeat(3_000_000) });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_UNREACHABLE',
      message: expect.stringContaining('LineTooLarge'),
    });
  });

  it('such as lines that mean nothing is still heard', async () => {
    const garbage = [
      '* ',
      '+',
      '* (((',
      '\u0000\u0001\u0002',
      '* 5 FETCH (UID',
      'A1',
      '* OK [',
      '* -3 EXISTS',
      '* 1 FETCH {',
    ];
    const { server, watched } = await start({
      messages: [{ uid: 4 }],
      on: once('IDLE', ({ line, proceed }) => {
        proceed();
        for (const each of garbage) line(each);
      }),
    });
    await watched.next('connected');
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    server.add(push);
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });

  it('such as more answers than there can be messages loses its connection', async () => {
    const { watched } = await start(
      {
        messages: [push],
        on: once('UID FETCH', ({ write }) => {
          write(Array.from({ length: 20_001 }, (_, index) => `* 1 FETCH (UID ${index + 5})\r\n`).join(''));
        }),
      },
      { progress: known },
    );
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_REFUSED' });
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });
});

describe('a server that stops answering', () => {
  it.each(['SELECT', 'UID FETCH', 'NOOP', 'SELECT, while it idles,'])(
    'at %s is given up and connected to again',
    async (where) => {
      const time = createManualTime();
      const [name = ''] = where.split(',');
      let unheard = where === name ? 1 : 2;
      const { server, watched } = await start(
        {
          messages: [push],
          ...(name === 'NOOP' ? { capabilities: 'IMAP4rev1 UIDPLUS' } : {}),
          on: (command) => {
            if (command.name === name) unheard -= 1;
            return command.name === name && unheard === 0;
          },
        },
        { time, progress: known, times: { idleRestartMs: 540_000, answerMs: 60_000 } },
      );
      await vi.waitFor(() => {
        if (time.sleepers().includes(30_000)) time.pass(30_000);
        expect(unheard).toBe(0);
      });
      await vi.waitFor(() => {
        time.pass(60_000);
        expect(watched.events.at(-1)).toMatchObject({ type: 'disconnected', error: { code: 'ERR_IMAP_LOST' } });
      });
      await vi.waitFor(() => expect(time.sleepers()).toHaveLength(1));
      time.pass(20);
      await watched.next('connected');
      expect(server.connections()).toMatchObject({ mostOpen: 1, made: 2 });
    },
  );

  it('but for the sign of life that it gives is not given up while it opens a large folder', async () => {
    const time = createManualTime();
    const opened: (() => void)[] = [];
    const { server, watched } = await start(
      {
        messages: [{ uid: 4 }],
        on: ({ name, proceed }) => {
          if (name !== 'SELECT') return undefined;
          opened.push(proceed);
          if (opened.length === 1) proceed();
          return true;
        },
      },
      { time, progress: known, times: { checkMs: 30_000, checkAnswerMs: 20_000, answerMs: 60_000 } },
    );
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
    time.pass(30_000);
    await vi.waitFor(() => expect(opened).toHaveLength(2));
    await server.flushed();
    time.pass(40_000);
    await server.flushed();
    opened[1]?.();
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    expect(server.connections().made).toBe(1);
    expect(watched.events.map(({ type }) => type)).toEqual(['connected']);
  });

  it.each(['CAPABILITY', 'LOGIN', 'LIST'])('at %s, during the login, is given up in time', async (name) => {
    const time = createManualTime();
    const { server, watched } = await start(
      { on: once(name, () => {}) },
      { time, times: { connectMs: 30_000, answerMs: 60_000 } },
    );
    await vi.waitFor(() => expect(server.commands.some((command) => command.startsWith(name))).toBe(true));
    expect(time.sleepers()).toEqual([90_000]);
    time.pass(90_000);
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_UNREACHABLE',
      message: '127.0.0.1 did not finish the login in time: it is tried again by itself.',
    });
  });

  it('but keeps saying that it works on it is waited for, ten times as long', async () => {
    const time = createManualTime();
    let working: ScriptedCommand | undefined;
    const { server, watched } = await start(
      {
        messages: [push],
        on: (command) => {
          if (command.name !== 'UID SEARCH') return undefined;
          working = command;
          return true;
        },
      },
      { time, progress: { uidValidity: '1', lastUid: 1 }, times: { answerMs: 60_000 } },
    );
    await vi.waitFor(() => expect(working).toBeDefined());
    const { made } = server.connections();
    for (let minute = 0; minute < 5; minute += 1) {
      await vi.waitFor(() => expect(time.sleepers()).toEqual([60_000]));
      const before = watched.events.length;
      working?.line(`* OK Searched ${minute}0% of the mailbox`);
      await server.flushed();
      time.pass(60_000);
      expect(watched.events).toHaveLength(before);
    }
    working?.proceed();
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    expect(server.connections().made).toBe(made);
  });
});

describe('a server that is cut off again and again', () => {
  it('is tried more and more seldom, and soon again when a connection has lasted', async () => {
    const time = createManualTime();
    const { server, watched } = await start(
      {},
      { time, times: { retryFirstMs: 1000, retryMaxMs: 300_000, answerMs: 60_000 } },
    );
    const pauseAfter = async (lastedMs: number): Promise<number> => {
      await watched.next('connected');
      await vi.waitFor(() => expect(time.sleepers()).toContain(30_000));
      time.pass(lastedMs);
      server.hangUp();
      const { retryMs } = await watched.next('disconnected');
      await vi.waitFor(() => expect(time.sleepers()).toEqual([retryMs]));
      time.pass(retryMs);
      return retryMs;
    };
    const range = (pause: number): number => 2 ** Math.floor(Math.log2(pause / 500));
    const pauses = [await pauseAfter(0), await pauseAfter(10), await pauseAfter(59_000), await pauseAfter(61_000)];
    expect(pauses.map(range)).toEqual([1, 2, 4, 1]);
  });
});
