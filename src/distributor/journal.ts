import { type MessageRef, sameMessage } from '../imap/index.js';
import type { Log } from '../runtime.js';
import type { ChannelState, Happening, Outcome } from './delivery/index.js';
import type { Registration } from './store/index.js';

/** Enough of a channel to follow it through the log, too little to push to it. */
export const shortChannel = (channel: string): string => channel.slice(0, 6);

/** Writes that a registration is new, was changed or replaced, or has ended. */
export function logChange(log: Log, { purpose, service, channel, replacedAt, retiredAt }: Registration): void {
  const facts = { channel: shortChannel(channel) };
  if (purpose === 'grant') {
    const event = retiredAt === null ? 'gateway.channel' : 'gateway.channel-ended';
    log.info({ event, ...facts }, 'The control channel of a gateway has changed.');
  } else if (retiredAt === null && replacedAt !== null) {
    const event = 'app.replaced';
    log.info({ event, service, ...facts }, 'An app has another endpoint: what comes for this one is still delivered.');
  } else {
    const event = retiredAt === null ? 'app.registered' : 'app.unregistered';
    log.info({ event, service, ...facts }, 'An app has changed its registration.');
  }
}

/** Writes what happens to the pushes of a channel into the log: who, what, when; never what was in them. */
export function journal(log: Log, channel: string, event: Happening, state: ChannelState): void {
  const facts = { channel: shortChannel(channel), ...('message' in event ? { uid: event.message.uid } : {}) };
  switch (event.type) {
    case 'found':
      return log.info(
        { event: 'push.found', ...facts, uid: event.messages[0]?.uid, count: event.messages.length },
        'Push mail was found.',
      );
    case 'opened':
      return opened(log, facts, event, state);
    case 'open failed':
      return log.debug({ event: 'push.open-failed', ...facts }, 'A push mail could not be fetched, it is tried again.');
    case 'accepted':
      return log.info({ event: 'push.delivered', ...facts }, 'The app has accepted a push.');
    case 'refused by app':
      return log.warn({ event: 'push.refused-by-app', ...facts }, 'The app has refused a push, it is tried again.');
    case 'app unreachable':
      return log.info({ event: 'push.unreachable', ...facts }, 'The app is not running, its push is kept.');
    case 'removed':
      return log.info({ event: 'push.removed', ...facts }, 'The mail of a push was removed.');
    case 'unwanted':
      return log.warn({ event: 'push.unwanted', ...facts }, 'Nobody asked for what has come: it is refused.');
    case 'gone':
    case 'renumbered':
    case 'app appeared':
    case 'recorded':
    case 'record failed':
    case 'remove failed':
    case 'retired':
    case 'trust changed':
    case 'minimum urgency':
    case 'time passed':
      return log.debug({ event: `push.${event.type}`, ...facts }, 'Delivery goes on.');
  }
}

/** Writes down that a push has ended without its app and why, once that is on disk; the other ends are events. */
export function journalEnd(log: Log, channel: string, { uid }: MessageRef, { kind }: Outcome): void {
  if (kind === 'delivered' || kind === 'refused') return;
  log.info({ event: `push.${kind}`, channel: shortChannel(channel), uid }, 'A push is not delivered.');
}

const heldText = 'A push waits, as it is less urgent than the state of the device asks for.';

function isHeld(message: MessageRef, { pushes }: ChannelState): boolean {
  return pushes.some((push) => push.stage.name === 'held' && sameMessage(push.message, message));
}

type Opened = Extract<Happening, { type: 'opened' }>;
type Facts = Readonly<Record<string, unknown>>;

function opened(log: Log, facts: Facts, { message, verdict }: Opened, state: ChannelState): void {
  switch (verdict.kind) {
    case 'deliverable':
      log.info(
        { event: 'push.verified', ...facts, signer: state.trust.pin?.fingerprint },
        'A push was decrypted and its signature verified.',
      );
      if (isHeld(message, state)) log.info({ event: 'push.held', ...facts }, heldText);
      return;
    case 'waiting for key':
      return log.info({ event: 'push.waiting-for-key', ...facts }, 'A push waits for the handshake of its sender.');
    case 'early':
      return log.warn(
        { event: 'push.early', ...facts },
        "A push is dated in the future: it waits, as the clock of this machine or its sender's is wrong.",
      );
    case 'unreadable':
      return log.warn(
        { event: 'push.unreadable', ...facts, reason: verdict.reason },
        'A mail that names our channel does not decrypt with its key: it stays as it is.',
      );
    case 'refused':
      return log.warn({ event: 'push.refused', ...facts, reason: verdict.reason }, 'A push was refused.');
    case 'expired':
    case 'duplicate':
    case 'superseded':
    case 'retired':
      // Told when it is on disk, as for those that end later.
      return;
  }
}
