import type { AppList, AppStatus, Waiting } from '../distributor/index.js';
import { printable } from './printable.js';
import { showTime } from './show-time.js';

const reasons: Readonly<Record<keyof Waiting, string>> = {
  unopened: 'not opened yet',
  key: 'waiting for the key of their sender',
  clock: 'dated in the future',
  urgency: 'held because of their urgency',
  rate: 'delayed because there were too many',
  turn: 'being delivered',
  app: 'waiting for their app',
  refusedByApp: 'refused by their app',
  removal: 'being removed',
};

/** How many pushes are open, and why: `3 (2 waiting for their app, 1 being removed)`. */
export function showOpen(open: number, waiting: Waiting): string {
  const parts = (Object.keys(reasons) as (keyof Waiting)[])
    .filter((reason) => waiting[reason] > 0)
    .map((reason) => `${waiting[reason]} ${reasons[reason]}`);
  return parts.length === 0 ? String(open) : `${open} (${parts.join(', ')})`;
}

/** Bus name and description of an app. */
export function showApp({ service, description }: Pick<AppStatus, 'service' | 'description'>): string {
  const words = printable(description);
  return words === '' ? printable(service) : `${printable(service)} (${words})`;
}

/** The registrations of apps as text for a person. */
export function showApps({ apps, omitted }: AppList): string {
  if (apps.length === 0) return 'No app is registered.';
  const blocks = apps.map((app) => {
    const lastPush = app.lastPushAt === null ? 'none since the start of the daemon' : showTime(app.lastPushAt);
    const sender = app.sender === null ? 'the first one that pushes' : printable(app.sender);
    return [
      showApp(app),
      `  Registered   ${showTime(app.registeredAt)}`,
      `  Channel      ${printable(app.channel)}`,
      `  App server   ${sender}`,
      ...(app.next === null ? [] : [`  Will be      ${printable(app.next)}`]),
      `  Last push    ${lastPush}`,
      `  Open pushes  ${showOpen(app.open, app.waiting)}`,
      ...(app.draining === 0
        ? []
        : [`  Draining     ${app.draining} (endpoints from before, whose pushes are still delivered)`]),
      ...(app.note === null ? [] : [`  ${printable(app.note)}`]),
    ].join('\n');
  });
  return [...blocks, ...(omitted > 0 ? [`${omitted} more are not shown.`] : [])].join('\n\n');
}
