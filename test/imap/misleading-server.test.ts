import { describe, expect, it, vi } from 'vitest';
import { channel, notify } from './mails.js';
import { known, once, push, startScripted as start } from './scripted.js';

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

  it('and keeps the line open is left at once', async () => {
    const { server, watched } = await start({});
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    server.announce('* BYE Shutting down');
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    await watched.next('connected');
    await vi.waitFor(() => expect(server.connections()).toMatchObject({ open: 1, made: 2 }));
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
    const fetched = await watched.mailbox.fetch({ folder: 'INBOX', uidValidity: '1000', uid: 5 }, 10);
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
    const mail = await watched.mailbox.fetch({ folder: 'INBOX', uidValidity: '1000', uid: 5 }, 9);
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
    await expect(watched.mailbox.fetch({ folder: 'INBOX', uidValidity: '1000', uid: 5 }, 10)).rejects.toMatchObject({
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
    const remove = () => watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: 5 }]);
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
    await expect(watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: 5 }])).rejects.toMatchObject({
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
    const [letter, own] = [3, 4].map((uid) => ({ folder: 'INBOX', uidValidity: '1000', uid }));
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
    expect(server.commands).toContain('STATUS INBOX (UIDNEXT UIDVALIDITY)');
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
    await expect(watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: 2 }])).resolves.toBe('removed');
  });
});

describe('a server that tells of a new message before it tells that another is gone', () => {
  it('does not hide the new one behind a number that stays the same', async () => {
    const { server, watched } = await start({ messages: [{ uid: 4 }, push], uidNext: 5 }, { progress: known });
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    server.announce('* 2 EXISTS');
    server.announce('* 1 EXPUNGE');
    expect((await watched.found()).found).toMatchObject([{ uid: 5 }]);
  });
});

describe('a server whose search does not find what is there', () => {
  const uids = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const outdated = { uidValidity: '999', lastUid: 80 };

  it('by its header loses no push among the newest 20,000 messages', async () => {
    const messages = uids(1, 1200).map((uid) => (uid % 600 === 0 ? { uid, header: notify() } : { uid }));
    const { server, watched } = await start(
      {
        messages,
        on: ({ name, args, tag, line }) => {
          if (name !== 'UID SEARCH' || !/HEADER/i.test(args)) return undefined;
          line('* SEARCH');
          line(`${tag} OK done`);
          return true;
        },
      },
      { progress: outdated },
    );
    await watched.next('renumbered');
    await vi.waitFor(() => expect(watched.progress()).toEqual({ uidValidity: '1000', lastUid: 1200 }), {
      timeout: 20_000,
    });
    expect([...watched.open]).toEqual([600, 1200]);
    expect(server.commands.filter((command) => command.startsWith('UID SEARCH'))).toEqual([
      expect.stringMatching(/^UID SEARCH 1:1200 SINCE \d+-\w+-\d+$/),
    ]);
    expect(server.commands.filter((command) => command.startsWith('UID FETCH'))).toHaveLength(3);
    const looks = watched.events.filter(({ type }) => type === 'looked');
    expect(looks.slice(0, 3)).toMatchObject([500, 1000, 1200].map((lastUid) => ({ progress: { lastUid } })));
  });

  it.each([
    ['finds what lies below them by its header', 'OK', '3'],
    ['looks at all that lies below them where the header search is refused', 'NO', '1:10'],
    ['looks at all that lies below them where the header search is unknown', 'BAD', '1:10'],
  ])('%s', async (_, answer, looked) => {
    const pushes = new Set([3, 20_010]);
    const messages = uids(1, 20_010).map((uid) => (pushes.has(uid) ? { uid, header: notify() } : { uid }));
    const { server, watched } = await start(
      {
        messages,
        on: ({ name, args, tag, line }) => {
          if (name !== 'UID SEARCH') return undefined;
          const isByHeader = /HEADER/i.test(args);
          const newest = args.startsWith('11:20010');
          if (!isByHeader) line(`* SEARCH ${(newest ? [20_009, 20_010] : uids(1, 10)).join(' ')}`);
          else if (answer === 'OK') line('* SEARCH 3');
          line(`${tag} ${isByHeader ? answer : 'OK'} done`);
          return true;
        },
      },
      { progress: outdated },
    );
    await vi.waitFor(() => expect([...watched.open]).toEqual([3, 20_010]));
    expect(server.commands.filter((command) => command.startsWith('UID FETCH'))).toEqual([
      expect.stringContaining(`UID FETCH ${looked},20009:20010 `),
    ]);
    expect(server.connections().made).toBe(1);
  });
});
