import { ImapError, type Mailbox, type MailboxEvent } from '../imap/index.js';
import type { Log } from '../runtime.js';
import type { Health } from './health.js';
import type { PostRoom } from './post-room.js';

/** Only a refusal that somebody has to do something about: to knock again with the same password helps nobody. */
function isRefusedLogin(error: unknown): boolean {
  return error instanceof ImapError && error.code === 'ERR_IMAP_LOGIN' && error.disposition === 'action-required';
}

/** Says when the line goes down and comes back: once per outage, the tries in between are for those who look closely. */
function createLineLog(log: Log): (event: MailboxEvent) => void {
  let isDown = false;
  return (event) => {
    if (event.type === 'connected') {
      log.info({ event: 'imap.connected', idle: event.canIdle }, 'The mailbox is open.');
      isDown = false;
    } else if (event.type === 'disconnected') {
      const facts = { event: 'imap.disconnected', err: event.error, retryMs: Math.round(event.retryMs) };
      if (isDown) log.debug(facts, 'The mailbox is still out of reach.');
      else log.warn(facts, 'The mailbox is out of reach: it is tried again by itself.');
      isDown = true;
    } else if (event.type === 'announcements') {
      const facts = { event: 'imap.announcements', reliable: event.reliable };
      if (event.reliable) log.info(facts, 'The mail server announces new mail again.');
      else log.warn(facts, 'The mail server does not announce new mail: it is asked for it.');
    } else if (event.type === 'room') {
      if (event.isFull) log.warn({ event: 'imap.full' }, 'The mailbox is full: no push can come in.');
      else log.info({ event: 'imap.room' }, 'There is room in the mailbox again.');
    }
  };
}

/**
 * Gives everything that happens in the mailbox to the post room and to whoever else listens, until `signal` is aborted. Rejects with the `ImapError`
 * `ERR_IMAP_LOGIN` when the login is refused before there ever was a connection; all else is waited out.
 */
export async function takeMail(
  mailbox: Pick<Mailbox, 'events'>,
  room: Pick<PostRoom, 'take'>,
  listeners: readonly Pick<Health, 'mailbox'>[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const logLine = createLineLog(log);
  let wasConnected = false;
  for await (const event of mailbox.events(signal)) {
    wasConnected ||= event.type === 'connected';
    if (event.type === 'disconnected' && !wasConnected && isRefusedLogin(event.error)) throw event.error;
    logLine(event);
    for (const listener of listeners) listener.mailbox(event);
    await room.take(event);
  }
}
