import { BusError } from './errors.js';

const maxLineBytes = 1024;

/** What to do after a piece of the bus's answer: wait for more, or go on with the bytes that came behind it. */
export type AuthenticationStep =
  | { readonly done: false }
  | { readonly done: true; readonly guid: string; readonly rest: Buffer };

/**
 * The client's side of the SASL exchange before the first message: only EXTERNAL, the kernel's word for who we are
 * (D-Bus specification, Authentication Protocol). dbus-next would go on to try cookies and anonymity.
 */
export class Authentication {
  readonly #uid: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(uid: number) {
    this.#uid = uid;
  }

  /** To be sent at once after connecting. */
  get opening(): Buffer {
    const hex = Buffer.from(String(this.#uid), 'ascii').toString('hex');
    return Buffer.from(`\0AUTH EXTERNAL ${hex}\r\n`, 'ascii');
  }

  /** To be sent when the exchange is done; messages follow. */
  get closing(): Buffer {
    return Buffer.from('BEGIN\r\n', 'ascii');
  }

  /** Takes what the bus sent. Throws {@link BusError} `ERR_BUS_AUTH` when it refuses or answers something else. */
  push(chunk: Buffer): AuthenticationStep {
    this.#held = Buffer.concat([this.#held, chunk]);
    const end = this.#held.indexOf('\r\n');
    if (end < 0 ? this.#held.length > maxLineBytes : end > maxLineBytes) throw refused();
    if (end < 0) return { done: false };
    const guid = /^OK ([0-9a-fA-F]{32})$/.exec(this.#held.subarray(0, end).toString('latin1'))?.[1];
    if (guid === undefined) throw refused();
    return { done: true, guid: guid.toLowerCase(), rest: this.#held.subarray(end + 2) };
  }
}

function refused(): BusError {
  return new BusError('ERR_BUS_AUTH', 'The D-Bus daemon does not let this user in; run as the user whose bus it is.', {
    disposition: 'action-required',
  });
}
