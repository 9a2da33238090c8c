import type { Status } from '../distributor/index.js';
import { printable } from './printable.js';
import { showApp, showOpen } from './show-apps.js';
import { showTime, showTimeOfDay } from './show-time.js';

const labelChars = 16;
const row = (label: string, text: string): string => `${label.padEnd(labelChars)}${text}`;

function headline({ problems, line, account }: Status): string {
  const server = printable(account.server);
  if (problems.length > 0)
    return problems.length === 1 ? 'There is a problem:' : `There are ${problems.length} problems:`;
  if (line.state === 'connected') return `All is well: connected to ${server} since ${showTime(line.since)}.`;
  return `Nothing is wrong so far: ${server} is being connected to.`;
}

function connection({ line }: Status): string {
  const since = showTime(line.since);
  switch (line.state) {
    case 'connected':
      return `open since ${since}, ${line.idle === true ? 'new mail is announced (IDLE)' : 'new mail is asked for'}`;
    case 'connecting':
      return `none since ${since}, being tried`;
    case 'waiting':
      return `none since ${since}, next try at ${line.retryAt === null ? 'an unknown time' : showTimeOfDay(line.retryAt)}`;
  }
}

const countWords = {
  delivered: 'delivered',
  refused: 'refused',
  expired: 'expired',
  duplicate: 'duplicate',
  superseded: 'replaced by a later one',
} as const;

function counts({ sinceStart }: Status): string {
  const keys = Object.keys(countWords) as (keyof typeof countWords)[];
  const shown = keys.filter((key) => key === 'delivered' || sinceStart[key] > 0);
  return shown.map((key) => `${sinceStart[key]} ${countWords[key]}`).join(', ');
}

function endpoints({ gateway }: Status): string {
  if (gateway === null) return 'mailto, for app servers that send mail';
  const missing = gateway.unsealed === 0 ? '' : `; apps without one yet: ${gateway.unsealed}`;
  return `of ${printable(gateway.url)}, ${gatewayState(gateway)}${missing}`;
}

function gatewayState({ state, since }: NonNullable<Status['gateway']>): string {
  switch (state) {
    case 'ready':
      return 'which is ready';
    case 'asking':
      return 'which is being asked for a grant';
    case 'waiting':
      return `whose mail with a grant is waited for since ${since === null ? 'an unknown time' : showTime(since)}`;
    case 'failing':
      return 'see above';
  }
}

/** How the daemon is as text for a person: first whether all is well, and what is wrong and to do. */
export function showStatus(status: Status): string {
  const { account, lastPush, sinceStart, refusals, apps, omitted, problems } = status;
  const last = lastPush === null ? 'none since the start' : `${showTime(lastPush.at)} for ${showApp(lastPush)}`;
  const untouched = sinceStart.leftUntouched;
  const lines = [
    headline(status),
    ...problems.map(({ sentence, since }) => `  ${printable(sentence)} (since ${showTime(since)})`),
    '',
    row(
      'Account',
      `${printable(account.address)}, ${printable(account.folder)} on ${printable(account.server)}:${account.port}`,
    ),
    row('Connection', connection(status)),
    ...(status.device.minimumUrgency === 'very-low' ? [] : [row('Device', printable(status.device.why))]),
    row('Last push', last),
    row('Open pushes', showOpen(status.open, status.waiting)),
    row('Since start', `${showTime(status.startedAt)}: ${counts(status)}`),
    ...refusals.map(({ reason, count }, index) =>
      row(index === 0 ? 'Refused' : '', `${count} times: ${printable(reason)}`),
    ),
    ...(untouched > 0 ? [row('Left untouched', `${untouched} mails that do not decrypt with our keys`)] : []),
    row('Registrations', String(status.registrations)),
    row('Endpoints', endpoints(status)),
    row('Version', printable(status.version)),
    ...(apps.length > 0 ? ['', 'Apps with open pushes or something to say:'] : []),
    ...apps.flatMap((app) => [
      `  ${showApp(app)}: ${showOpen(app.open, app.waiting)}`,
      ...(app.note === null ? [] : [`    ${printable(app.note)}`]),
    ]),
    ...(omitted > 0 ? [`  and ${omitted} more, see "mailpush apps"`] : []),
  ];
  return lines.join('\n');
}
