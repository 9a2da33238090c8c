import { describe, expect, it, vi } from 'vitest';
import { createManualTime } from '../tools/manual-time.js';
import { type ScriptedCommand, type ScriptedImapOptions, startScriptedImap } from '../tools/scripted-imap.js';
import { channel, notify } from './mails.js';
import { type WatchOptions, watch } from './watch.js';

async function start(script: ScriptedImapOptions, options: WatchOptions = {}) {
  const server = await startScriptedImap(script);
  return { server, watched: watch(server, options) };
}

/** Answers the first command of this name with what `answer` does. */
function once(
  name: string,
  answer: (command: ScriptedCommand) => void,
): (command: ScriptedCommand) => boolean | undefined {
  let seen = false;
  return (command) => {
    if (command.name !== name || seen) return undefined;
    seen = true;
    answer(command);
    return true;
  };
}

const known = { uidValidity: '1000', lastUid: 4 };
const push = { uid: 5, header: notify() };

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

describe('a server that says BYE', () => {
  it('instead of a greeting is told of and tried again', async () => {
    const { watched } = await start({ greeting: '* BYE Too many connections' });
    const { error } = await watched.next('disconnected');
    expect(error).toMatchObject({ code: 'ERR_IMAP_UNREACHABLE', disposition: 'transient' });
    expect(String(error)).toContain('it said: Too many connections');
    await watched.next('disconnected');
  });

  it('while it is idled at is connected to again', async () => {
    const { server, watched } = await start({});
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    server.announce('* BYE Shutting down');
    server.hangUp();
    const { error } = await watched.next('disconnected');
    expect(error).toMatchObject({ code: 'ERR_IMAP_LOST', disposition: 'transient' });
    await watched.next('connected');
    expect(server.connections()).toMatchObject({ mostOpen: 1, made: 2 });
  });

  it('and keeps the line open is found out when IDLE is renewed at the latest', async () => {
    const time = createManualTime();
    const { server, watched } = await start({}, { time, times: { idleRestartMs: 540_000 } });
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    server.announce('* BYE Shutting down');
    await vi.waitFor(() => expect(time.sleepers()).toEqual([540_000]));
    time.pass(540_000);
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
  });

  it('in the middle of a look has not said that the folder is empty', async () => {
    const { server, watched } = await start(
      {
        messages: [{ uid: 3, header: notify() }, { uid: 4 }, push],
        on: once('SELECT', ({ proceed, line }) => {
          proceed();
          line('* BYE Shutting down');
        }),
      },
      { progress: known, open: [3] },
    );
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    expect(watched.events.filter(({ type }) => type === 'looked')).toEqual([]);
    const looked = await watched.next('looked');
    expect(looked).toMatchObject({ found: [{ uid: 3 }], gone: [] });
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    expect(server.connections().made).toBe(2);
  });

  it('and then that a look is done has not said that nothing is new', async () => {
    const { watched } = await start(
      {
        messages: [{ uid: 3, header: notify() }, push],
        on: once('UID FETCH', ({ tag, line }) => {
          line('* BYE Shutting down');
          line(`${tag} OK done`);
        }),
      },
      { progress: known, open: [3] },
    );
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    expect(watched.events.filter(({ type }) => type === 'looked')).toEqual([]);
    expect((await watched.found()).gone).toEqual([]);
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });

  it('before a fetch has not said that the message is gone', async () => {
    const { watched } = await start(
      {
        messages: [push],
        on: once('UID FETCH', ({ proceed, line }) => {
          proceed();
          line('* BYE Shutting down');
        }),
      },
      { progress: known },
    );
    await watched.next('connected');
    await watched.next('disconnected');
    await watched.found();
    const fetched = await watched.mailbox.fetch({ uidValidity: '1000', uid: 5 }, 10);
    expect(fetched.kind).toBe('mail');
  });
});

describe('a server that announces something in the middle of an answer', () => {
  it('such as changed flags has not answered yet', async () => {
    const { watched } = await start(
      {
        messages: [{ uid: 2 }, { ...push, body: 'the whole mail' }],
        on: ({ name, line, proceed }) => {
          if (name !== 'UID FETCH') return undefined;
          line('* 1 FETCH (FLAGS (\\Seen))');
          line('* 1 FETCH (UID 2 FLAGS (\\Seen))');
          line('* 2 FETCH (UID 5 FLAGS (\\Flagged))');
          proceed();
          return true;
        },
      },
      { progress: known },
    );
    expect((await watched.found()).found).toEqual([{ uid: 5, sizeBytes: 100, channel }]);
    expect(watched.progress()?.lastUid).toBe(5);
    const mail = await watched.mailbox.fetch({ uidValidity: '1000', uid: 5 }, 9);
    expect(mail).toEqual({ kind: 'mail', bytes: Buffer.from('the whole') });
  });

  it.each(['SELECT', 'LIST'])('such as a new message, to %s, is asked for it', async (name) => {
    let added = false;
    const { watched, server } = await start({
      capabilities: 'IMAP4rev1 IDLE UIDPLUS MOVE X-GM-EXT-1',
      messages: [{ uid: 4 }],
      on: (command) => {
        // The folders are listed last, for the one with the trash.
        if (added || command.name !== name || (name === 'LIST' && !command.args.includes('"*"'))) return undefined;
        added = true;
        command.proceed();
        server.add(push);
        command.line('* 2 EXISTS');
        return true;
      },
    });
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });
});

describe('a server that refuses', () => {
  it('a look is asked again on a new connection, and nothing is passed over', async () => {
    const { server, watched } = await start(
      {
        messages: [push],
        on: once('UID FETCH', ({ tag, line }) => line(`${tag} NO [UNAVAILABLE] Try later`)),
      },
      { progress: known },
    );
    const { error } = await watched.next('disconnected');
    expect(error).toMatchObject({ code: 'ERR_IMAP_REFUSED', disposition: 'transient' });
    expect(String(error)).toContain('Try later');
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    expect(server.connections()).toMatchObject({ mostOpen: 1, made: 2 });
  });

  it('a search has not said that there is nothing', async () => {
    const { watched } = await start(
      {
        messages: [push],
        on: once('UID SEARCH', ({ tag, line }) => line(`${tag} NO not now`)),
      },
      { progress: { uidValidity: '999', lastUid: 80 } },
    );
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_REFUSED' });
    expect(watched.progress()).toEqual({ uidValidity: '999', lastUid: 80 });
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
    expect(watched.progress()?.uidValidity).toBe('1000');
  });

  it('to open the folder for the moment is tried again soon', async () => {
    const { watched } = await start({ on: once('SELECT', ({ tag, line }) => line(`${tag} NO [INUSE] Locked`)) });
    const { error } = await watched.next('disconnected');
    expect(error).toMatchObject({ code: 'ERR_IMAP_REFUSED', disposition: 'transient' });
    await watched.next('connected');
  });

  it('to give a message that is there has not said that it is gone', async () => {
    const { watched } = await start(
      {
        messages: [push],
        on: ({ name, args, tag, line }) => {
          if (name !== 'UID FETCH' || !args.includes('BODY.PEEK[]')) return undefined;
          line('* 1 FETCH (UID 5 BODY[]<0> NIL)');
          line(`${tag} OK done`);
          return true;
        },
      },
      { progress: known },
    );
    await watched.found();
    await expect(watched.mailbox.fetch({ uidValidity: '1000', uid: 5 }, 10)).rejects.toMatchObject({
      code: 'ERR_IMAP_REFUSED',
      disposition: 'transient',
    });
  });

  it('to remove is told so, and the connection is kept', async () => {
    const { server, watched } = await start(
      { messages: [push], on: once('UID STORE', ({ tag, line }) => line(`${tag} NO [NOPERM] Read-only`)) },
      { progress: known },
    );
    await watched.found();
    const remove = () => watched.mailbox.remove([{ uidValidity: '1000', uid: 5 }]);
    await expect(remove()).rejects.toMatchObject({ code: 'ERR_IMAP_REFUSED' });
    await expect(remove()).resolves.toBe('removed');
    expect(server.commands.filter((command) => /EXPUNGE/.test(command))).toEqual(['UID EXPUNGE 5']);
    expect(server.connections().made).toBe(1);
  });
});

describe('a server that forgets what it can do', () => {
  it('does not bring us to expunge the mail of others', async () => {
    const { server, watched } = await start(
      {
        messages: [push],
        on: once('UID STORE', ({ line, proceed }) => {
          line('* CAPABILITY IMAP4rev1 IDLE');
          proceed();
        }),
      },
      { progress: known },
    );
    await watched.found();
    await expect(watched.mailbox.remove([{ uidValidity: '1000', uid: 5 }])).rejects.toMatchObject({
      code: 'ERR_IMAP_REFUSED',
    });
    expect(server.commands.filter((command) => /EXPUNGE|CLOSE/.test(command))).toEqual([]);
  });
});

describe('a server that was restored from a backup', () => {
  it('keeps the letter that has got the number of a push', async () => {
    let restored = false;
    let answer = (): void => {};
    const { server, watched } = await start(
      {
        messages: [
          { uid: 3, header: notify() },
          { uid: 4, header: notify() },
        ],
        on: (command) => {
          if (!restored || command.name !== 'UID FETCH' || !command.args.startsWith('3')) return undefined;
          answer = () => {
            command.line('* 1 FETCH (UID 3 RFC822.SIZE 100 BODY[HEADER.FIELDS (Email-Notify)]<0> {2}\r\n\r\n)');
            const header = `${notify()}\r\n`;
            command.line(
              `* 2 FETCH (UID 4 RFC822.SIZE 100 BODY[HEADER.FIELDS (Email-Notify)]<0> {${header.length}}\r\n${header})`,
            );
            command.line(`${command.tag} OK done`);
          };
          return true;
        },
      },
      { progress: { uidValidity: '1000', lastUid: 2 } },
    );
    await watched.found();
    const [letter, own] = [3, 4].map((uid) => ({ uidValidity: '1000', uid }));
    if (letter === undefined || own === undefined) throw new Error('There is no message.');
    restored = true;
    server.hangUp();
    await watched.next('disconnected');
    await vi.waitFor(() => expect(server.commands.at(-1)).toMatch(/^UID FETCH 3:4 /));
    const lost = { code: 'ERR_IMAP_LOST' };
    await expect(watched.mailbox.remove([letter])).rejects.toMatchObject(lost);
    await expect(watched.mailbox.remove([own])).rejects.toMatchObject(lost);
    answer();
    expect(await watched.next('looked')).toMatchObject({ found: [{ uid: 4 }], gone: [3] });
    await vi.waitFor(() => expect(server.commands.at(-1)).toBe('IDLE'));
    await expect(watched.mailbox.remove([letter, own])).resolves.toBe('removed');
    expect(server.commands.filter((command) => /STORE|EXPUNGE/.test(command))).toEqual([
      'UID STORE 4 +FLAGS.SILENT (\\Deleted)',
      'UID EXPUNGE 4',
    ]);
  });
});

describe('a server without lasting numbers', () => {
  it('is asked by STATUS when SELECT tells no UIDNEXT', async () => {
    const { server, watched } = await start({ uidNext: null, messages: [{ uid: 7, header: notify() }] });
    expect(await watched.next('looked')).toMatchObject({ found: [], progress: { lastUid: 7 } });
    expect(server.commands).toContain('STATUS INBOX (UIDNEXT)');
  });

  it('cannot be used when STATUS does not tell it either', async () => {
    const { watched } = await start({
      uidNext: null,
      on: ({ name, tag, line }) => {
        if (name !== 'STATUS') return undefined;
        line('* STATUS INBOX ()');
        line(`${tag} OK done`);
        return true;
      },
    });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_FOLDER',
      message: expect.stringContaining('UIDNEXT'),
    });
  });

  it('cannot be used when there is no UIDVALIDITY', async () => {
    const { watched } = await start({
      on: ({ name, tag, line }) => {
        if (name !== 'SELECT') return undefined;
        line('* 0 EXISTS');
        line('* OK [UIDNEXT 1] next');
        line(`${tag} OK done`);
        return true;
      },
    });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_FOLDER',
      message: expect.stringContaining('UIDVALIDITY'),
    });
  });

  it('that gives UIDs out again is searched like one with new numbers', async () => {
    const { watched } = await start(
      { messages: [{ uid: 2, header: notify() }], uidNext: 3 },
      { progress: { uidValidity: '1000', lastUid: 50 }, open: [40] },
    );
    await watched.next('renumbered');
    expect((await watched.found()).found).toMatchObject([{ uid: 2 }]);
    await expect(watched.mailbox.remove([{ uidValidity: '1000', uid: 2 }])).resolves.toBe('removed');
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
  it.each(['SELECT', 'UID FETCH', 'NOOP'])('at %s is given up and connected to again', async (name) => {
    const time = createManualTime();
    const { server, watched } = await start(
      { messages: [push], on: once(name, () => {}) },
      { time, progress: known, times: { idleRestartMs: 540_000, answerMs: 60_000 } },
    );
    if (name === 'NOOP') {
      await vi.waitFor(() => expect(time.sleepers()).toEqual([540_000]));
      time.pass(540_000);
    }
    await vi.waitFor(() => expect(server.commands.some((command) => command.startsWith(name))).toBe(true));
    await vi.waitFor(() => {
      time.pass(60_000);
      expect(watched.events.at(-1)).toMatchObject({ type: 'disconnected', error: { code: 'ERR_IMAP_LOST' } });
    });
    await vi.waitFor(() => expect(time.sleepers()).toHaveLength(1));
    time.pass(20);
    await watched.next('connected');
    expect(server.connections()).toMatchObject({ mostOpen: 1, made: 2 });
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
      await vi.waitFor(() => expect(time.sleepers()).toContain(540_000));
      time.pass(lastedMs);
      server.hangUp();
      const { retryMs } = await watched.next('disconnected');
      await vi.waitFor(() => expect(time.sleepers()).toEqual([retryMs]));
      time.pass(retryMs);
      return retryMs;
    };
    const range = (pause: number): number => 2 ** Math.ceil(Math.log2(pause / 1000));
    const pauses = [await pauseAfter(0), await pauseAfter(10), await pauseAfter(59_000), await pauseAfter(61_000)];
    expect(pauses.map(range)).toEqual([1, 2, 4, 1]);
  });
});
