import type hoodiecrow from 'hoodiecrow-imap';

type Server = hoodiecrow.ImapServer;
type Connection = hoodiecrow.Connection;
type Command = hoodiecrow.Command;
type Part = hoodiecrow.ResponsePart;

function atom(value: string): hoodiecrow.Token {
  return { type: 'ATOM', value };
}

function isToken(part: Part | hoodiecrow.Argument | undefined): part is hoodiecrow.Token {
  return typeof part === 'object' && part !== null && !Array.isArray(part);
}

/** Sends the tagged reply that ends a command; `code` is a response code such as `READ-ONLY`. */
export function reply(
  connection: Connection,
  parsed: Command,
  status: 'OK' | 'NO' | 'BAD',
  text: string,
  code?: string,
): void {
  const attributes: Part[] = [{ type: 'TEXT', value: text }];
  if (code !== undefined) {
    attributes.unshift({ type: 'SECTION', value: '', section: [atom(code)] });
  }
  connection.send({ tag: parsed.tag, command: status, attributes }, parsed.command, parsed);
}

/** Puts `before` in front of a command; the command goes on only if it returns true, else it has been answered. */
function guard(server: Server, name: string, before: (connection: Connection, parsed: Command) => boolean): void {
  const handler = server.getCommandHandler(name);
  if (handler === false) {
    return;
  }
  server.setCommandHandler(name, (connection, parsed, data, done) => {
    if (before(connection, parsed)) {
      handler(connection, parsed, data, done);
    } else {
      done();
    }
  });
}

/**
 * IDLE (RFC 2177). The original keeps a timer of 30 minutes, which keeps the process alive, for every connection that
 * ends while idle, and goes on announcing in the middle of later commands.
 */
export function idle(server: Server): void {
  server.registerCapability('IDLE');
  server.setCommandHandler('IDLE', (connection, parsed, _data, done) => {
    if (connection.state !== 'Authenticated' && connection.state !== 'Selected') {
      reply(connection, parsed, 'BAD', 'Log in first');
      done();
      return;
    }
    connection.inputHandler = (line) => {
      connection.inputHandler = false;
      connection.directNotifications = false;
      const ended = line.toUpperCase() === 'DONE';
      reply(connection, parsed, ended ? 'OK' : 'BAD', ended ? 'IDLE terminated' : 'Expected DONE');
    };
    connection.socket?.write('+ idling\r\n');
    connection.directNotifications = true;
    connection.processNotifications();
    done();
  });
}

/** UID EXPUNGE (RFC 4315 §2.1) of what is marked `\Deleted` only: the original removes every message of the set. */
export function uidExpunge(server: Server): void {
  guard(server, 'UID EXPUNGE', (connection, parsed) => {
    const set = parsed.attributes?.[0];
    const mailbox = connection.selectedMailbox;
    if (!isToken(set) || mailbox === false) {
      return true;
    }
    const messages = server.getMessageRange(mailbox, set.value, true).map(([, message]) => message);
    const deleted = messages.filter((message) => message.flags.includes('\\Deleted'));
    connection.expungeSpecificMessages(mailbox, deleted, false, true);
    reply(connection, parsed, 'OK', 'UID EXPUNGE completed');
    return false;
  });
}

/**
 * Partial fetches (RFC 3501 §6.4.5). The original shortens the asked range in place at the first message that ends
 * before it, so that every later message of the same command comes back empty, and it answers `BODY[]<0.100>` where
 * the grammar has `BODY[]<0>`.
 */
export function partialFetch(server: Server): void {
  for (const name of ['FETCH', 'UID FETCH']) {
    guard(server, name, (_connection, parsed) => {
      const items = parsed.attributes?.[1];
      for (const item of Array.isArray(items) ? items : [items]) {
        const partial = isToken(item) ? item.partial : undefined;
        if (isToken(item) && partial !== undefined) {
          Object.defineProperty(item, 'partial', { get: () => [...partial] });
        }
      }
      return true;
    });
  }
  server.outputHandlers.push((_connection, response) => {
    const list = response.attributes?.[2];
    if (Array.isArray(list)) {
      response.attributes?.splice(
        2,
        1,
        list.map((part) => withOrigin(part)),
      );
    }
  });
}

function withOrigin(part: Part): Part {
  const origin = isToken(part) ? part.partial?.[0] : undefined;
  return isToken(part) && origin !== undefined
    ? { type: part.type, value: part.value, ...(part.section && { section: part.section }), partial: [origin] }
    : part;
}

/** `FETCH *`: the original's parser takes `*` only as the end of a range. */
export function fetchLast(server: Server): void {
  server.connectionHandlers.push((connection) => {
    const schedule = connection.scheduleCommand.bind(connection);
    connection.scheduleCommand = (data) => schedule(data.replace(/^(\S+ (?:UID )?FETCH) \* /i, '$1 *:* '));
  });
}

/** Announces changed flags to the other connections (RFC 3501 §7): the original tells only the one that asked. */
export function announceFlags(server: Server): void {
  server.outputHandlers.push((connection, _response, description, _parsed, _data, changed) => {
    const mailbox = connection.selectedMailbox;
    if (!/^(?:UID )?STORE COMPLETE$/.test(description) || mailbox === false || !Array.isArray(changed)) {
      return;
    }
    // STORE hands over messages, UID STORE pairs of sequence number and message.
    for (const entry of changed as (hoodiecrow.Message | [number, hoodiecrow.Message])[]) {
      const message = Array.isArray(entry) ? entry[1] : entry;
      const sequence = mailbox.messages.indexOf(message) + 1;
      if (sequence > 0) {
        const items = [atom('UID'), message.uid, atom('FLAGS'), message.flags.map(atom)];
        server.notify({ tag: '*', attributes: [sequence, atom('FETCH'), items] }, mailbox, connection);
      }
    }
  });
}

/** A mailbox opened by EXAMINE cannot be changed (RFC 3501 §6.3.2): the original lets it be, and CLOSE expunges. */
export function readOnly(server: Server): void {
  for (const name of ['STORE', 'UID STORE', 'EXPUNGE', 'UID EXPUNGE', 'MOVE', 'UID MOVE']) {
    guard(server, name, (connection, parsed) => {
      if (connection.readOnly !== true) {
        return true;
      }
      reply(connection, parsed, 'NO', 'The mailbox was opened by EXAMINE', 'READ-ONLY');
      return false;
    });
  }
  guard(server, 'CLOSE', (connection, parsed) => {
    if (connection.readOnly !== true || connection.state !== 'Selected') {
      return true;
    }
    connection.state = 'Authenticated';
    connection.selectedMailbox = false;
    reply(connection, parsed, 'OK', 'Closed');
    return false;
  });
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** An IMAP date-time (RFC 3501 §9) in UTC. The original's is broken where the zone is not a whole number of hours. */
export function formatInternalDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** Internal dates of messages that come without one. */
export function internalDates(server: Server): void {
  server.formatInternalDate = formatInternalDate;
}
