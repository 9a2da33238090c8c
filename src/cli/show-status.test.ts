import { describe, expect, it } from 'vitest';
import type { AppStatus, Status } from '../distributor/index.js';
import { showApps } from './show-apps.js';
import { showStatus } from './show-status.js';

const waiting = { unopened: 0, key: 0, clock: 0, urgency: 0, rate: 0, turn: 0, app: 0, refusedByApp: 0, removal: 0 };
const since = new Date(2026, 0, 1, 9, 5).toISOString();
const status: Status = {
  version: '1.2.3',
  startedAt: since,
  account: { address: 'alice@example.org', server: 'mail.example.org', port: 993, folder: 'INBOX' },
  endpoints: 'mailto',
  gateway: null,
  line: { state: 'connected', since, idle: true, retryAt: null },
  device: { power: 'plugged in', network: 'unmetered', minimumUrgency: 'very-low', why: 'Nothing is held.' },
  lastPush: null,
  open: 0,
  waiting,
  sinceStart: { delivered: 3, refused: 0, expired: 0, duplicate: 0, superseded: 0, retired: 0, leftUntouched: 0 },
  refusals: [],
  registrations: 1,
  apps: [],
  omitted: 0,
  problems: [],
};
const app: AppStatus = {
  service: 'org.example.App',
  description: 'Chat',
  channel: 'Abc123',
  registeredAt: since,
  sender: null,
  next: null,
  open: 3,
  waiting: { ...waiting, app: 2, removal: 1 },
  draining: 0,
  lastPushAt: since,
  note: 'It is not running: start it.',
};
const linesOf = (change: Partial<Status>): string[] => showStatus({ ...status, ...change }).split('\n');

describe('the status as text', () => {
  it('of a daemon that is well is short, aligned and says so first', () => {
    expect(linesOf({})).toEqual([
      'All is well: connected to mail.example.org since 2026-01-01 09:05.',
      '',
      'Account         alice@example.org, INBOX on mail.example.org:993',
      'Connection      open since 2026-01-01 09:05, new mail is announced (IDLE)',
      'Last push       none since the start',
      'Open pushes     0',
      'Since start     2026-01-01 09:05: 3 delivered',
      'Registrations   1',
      'Endpoints       mailto, for app servers that send mail',
      'Version         1.2.3',
    ]);
  });

  it('says first what is wrong, and what to do', () => {
    const problem = { source: 'line', since, sentence: 'The login was refused: check the password.' };
    expect(linesOf({ problems: [problem] }).slice(0, 3)).toEqual([
      'There is a problem:',
      '  The login was refused: check the password. (since 2026-01-01 09:05)',
      '',
    ]);
    expect(linesOf({ problems: [problem, problem] })[0]).toBe('There are 2 problems:');
  });

  it('does not call well what is not connected yet', () => {
    const line = { state: 'connecting', since, idle: null, retryAt: null } as const;
    const [first, , , connection] = linesOf({ line });
    expect(first).toBe('Nothing is wrong so far: mail.example.org is being connected to.');
    expect(connection).toBe('Connection      none since 2026-01-01 09:05, being tried');
  });

  it.each([
    [{ state: 'waiting', since, idle: null, retryAt: since }, 'none since 2026-01-01 09:05, next try at 09:05:00'],
    [{ state: 'connected', since, idle: false, retryAt: null }, 'open since 2026-01-01 09:05, new mail is asked for'],
  ] as const)('says of a line %j how it is', (line, expected) => {
    expect(linesOf({ line })[3]).toBe(`Connection      ${expected}`);
  });

  it.each([
    [{ state: 'ready', since: null, unsealed: 0 }, 'which is ready'],
    [{ state: 'asking', since: null, unsealed: 1 }, 'which is being asked for a grant; apps without one yet: 1'],
    [{ state: 'waiting', since, unsealed: 0 }, 'whose mail with a grant is waited for since 2026-01-01 09:05'],
    [{ state: 'failing', since, unsealed: 2 }, 'see above; apps without one yet: 2'],
  ] as const)('says of a gateway %j how it is', (change, expected) => {
    const gateway = { url: 'https://push.example.org', grantExpires: null, sealed: 3, ...change };
    const row = linesOf({ endpoints: 'gateway', gateway }).find((line) => line.startsWith('Endpoints'));
    expect(row).toBe(`Endpoints       of https://push.example.org, ${expected}`);
  });

  it('names apps, and why pushes wait or were refused', () => {
    const text = showStatus({
      ...status,
      open: 3,
      waiting: app.waiting,
      lastPush: { at: since, service: 'org.example.App', description: 'Chat' },
      refusals: [
        { reason: 'It is not signed.', count: 2 },
        { reason: 'It was made for another channel.', count: 1 },
      ],
      sinceStart: { ...status.sinceStart, refused: 3, superseded: 1, leftUntouched: 4 },
      device: { ...status.device, minimumUrgency: 'high', why: 'The battery is low: hold.' },
      apps: [app],
      omitted: 5,
    });
    for (const line of [
      'Last push       2026-01-01 09:05 for org.example.App (Chat)',
      'Open pushes     3 (2 waiting for their app, 1 being removed)',
      'Refused         2 times: It is not signed.',
      '                1 times: It was made for another channel.',
      'Since start     2026-01-01 09:05: 3 delivered, 3 refused, 1 replaced by a later one',
      'Device          The battery is low: hold.',
      'Left untouched  4 mails that do not decrypt with our keys',
      '  org.example.App (Chat): 3 (2 waiting for their app, 1 being removed)',
      '    It is not running: start it.',
      '  and 5 more, see "mailpush apps"',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('shows the list of apps one after another', () => {
    expect(
      showApps({
        apps: [app, { ...app, sender: 'f'.repeat(40), draining: 2, note: null, lastPushAt: null }],
        omitted: 1,
      }),
    ).toBe(
      [
        'org.example.App (Chat)',
        '  Registered   2026-01-01 09:05',
        '  Channel      Abc123',
        '  App server   the first one that pushes',
        '  Last push    2026-01-01 09:05',
        '  Open pushes  3 (2 waiting for their app, 1 being removed)',
        '  It is not running: start it.',
        '',
        'org.example.App (Chat)',
        '  Registered   2026-01-01 09:05',
        '  Channel      Abc123',
        `  App server   ${'f'.repeat(40)}`,
        '  Last push    none since the start of the daemon',
        '  Open pushes  3 (2 waiting for their app, 1 being removed)',
        '  Draining     2 (endpoints from before, whose pushes are still delivered)',
        '',
        '1 more are not shown.',
      ].join('\n'),
    );
    expect(showApps({ apps: [], omitted: 0 })).toBe('No app is registered.');
  });

  it('lets nothing through that a terminal takes for a command, whoever wrote it', () => {
    const hostile = '\u001b[2J\u009b2J\nFake line\r\u202e';
    const hostileApp = { ...app, service: hostile, description: hostile, sender: hostile, note: hostile };
    const text = showStatus({
      ...status,
      version: hostile,
      account: { ...status.account, address: hostile, server: hostile, folder: hostile },
      lastPush: { at: since, service: hostile, description: hostile },
      refusals: [{ reason: hostile, count: 1 }],
      apps: [hostileApp],
      problems: [{ source: hostile, since, sentence: hostile }],
    });
    for (const line of [...text.split('\n'), ...showApps({ apps: [hostileApp], omitted: 0 }).split('\n')]) {
      expect(line).not.toMatch(/\p{C}|^Fake/u);
    }
  });
});
