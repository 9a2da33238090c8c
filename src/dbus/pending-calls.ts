import { BusCallError, BusError } from './errors.js';
import { decodeBody, type MessageHeader, messageType } from './message.js';

/** How a call is known while its reply is awaited. */
export interface PendingCall {
  readonly destination: string;
  readonly member: string;
  readonly timeoutMs: number;
  readonly replyExpected: boolean;
  readonly replySignature: string | undefined;
  readonly signal: AbortSignal | undefined;
}

const maxPendingCalls = 4096;
/**
 * So many calls that have timed out may wait for a program's reply nevertheless. The bus keeps count of all of them, 50 000 on a
 * session bus and 128 by default, and when they are used up nobody can be called any more.
 */
const maxUnanswered = 16;
const busName = 'org.freedesktop.DBus';

interface Waiting {
  readonly call: PendingCall;
  readonly settle: (result: { values: readonly unknown[] } | { error: unknown }) => void;
}

/** The calls whose replies have not come; each ends by reply, deadline, abort or the end of the connection. */
export class PendingCalls {
  readonly #waiting = new Map<number, Waiting>();
  /** Calls that were given up and are unanswered: their destinations by serial. */
  readonly #late = new Map<number, string>();
  #closed = false;

  /** How many replies are awaited. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Waits for the reply to `serial`. `send` runs once the reply can be received; what it throws rejects the call. */
  wait(serial: number, call: PendingCall, send: () => void): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError());
      if (call.signal?.aborted) return reject(call.signal.reason);
      if (this.#waiting.size >= maxPendingCalls) return reject(busyError());
      if (call.replyExpected && this.#unanswered(call.destination) >= maxUnanswered)
        return reject(unansweredError(call));
      const giveUp = (result: Parameters<Waiting['settle']>[0]): void => {
        settle(result);
        // The bus itself counts no calls to it.
        if (call.replyExpected && call.destination !== busName) this.#late.set(serial, call.destination);
      };
      const abort = (): void => giveUp({ error: call.signal?.reason });
      const onTime = (): void => giveUp(call.replyExpected ? { error: timeoutError(call) } : { values: [] });
      const timer = setTimeout(onTime, call.timeoutMs);
      const settle: Waiting['settle'] = (result) => {
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', abort);
        this.#waiting.delete(serial);
        if ('error' in result) reject(result.error);
        else resolve(result.values);
      };
      call.signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(serial, { call, settle });
      try {
        send();
      } catch (error) {
        settle({ error });
      }
    });
  }

  /** Settles the call that this reply or error belongs to; one that nobody waits for any more is ignored. */
  receive(header: MessageHeader, endian: number, body: Buffer | undefined): void {
    const serial = header.replySerial ?? 0;
    // The bus answers in the place of a program that has ended.
    this.#late.delete(serial);
    const waiting = this.#waiting.get(serial);
    if (waiting === undefined) return;
    try {
      waiting.settle({ values: this.#read(waiting.call, header, endian, body) });
    } catch (error) {
      waiting.settle({ error });
    }
  }

  #unanswered(destination: string): number {
    let count = 0;
    for (const one of this.#late.values()) if (one === destination) count += 1;
    return count;
  }

  #read(call: PendingCall, header: MessageHeader, endian: number, body: Buffer | undefined): readonly unknown[] {
    if (header.type === messageType.error) {
      const values = body === undefined ? [] : decodeBody(endian, header.signature, body);
      const detail = typeof values[0] === 'string' ? values[0] : '';
      throw new BusCallError(header.errorName ?? 'org.freedesktop.DBus.Error.Failed', detail, call.member);
    }
    const fits = call.replySignature === undefined || call.replySignature === header.signature;
    if (body === undefined || !fits) throw replyError(call);
    try {
      return decodeBody(endian, header.signature, body);
    } catch (cause) {
      throw replyError(call, cause);
    }
  }

  /** Rejects every call, those that come later too, with `ERR_BUS_CLOSED`. */
  close(): void {
    this.#closed = true;
    for (const { settle } of [...this.#waiting.values()]) settle({ error: closedError() });
  }
}

/** `ERR_BUS_CLOSED`: the connection has ended. */
export function closedError(): BusError {
  return new BusError('ERR_BUS_CLOSED', 'The connection to the D-Bus daemon has ended; connect again.', {
    disposition: 'transient',
  });
}

function busyError(): BusError {
  return new BusError('ERR_BUS_BUSY', `Wait for some of the ${maxPendingCalls} D-Bus calls that are under way.`, {
    disposition: 'transient',
  });
}

function unansweredError(call: PendingCall): BusError {
  return new BusError(
    'ERR_BUS_UNANSWERED',
    `The D-Bus call ${call.member} was not made, as the program leaves its calls unanswered: end it and start it again.`,
    { disposition: 'transient' },
  );
}

function timeoutError(call: PendingCall): BusError {
  return new BusError('ERR_BUS_TIMEOUT', `The D-Bus call ${call.member} was not answered in ${call.timeoutMs} ms.`, {
    disposition: 'transient',
  });
}

function replyError(call: PendingCall, cause?: unknown): BusError {
  return new BusError(
    'ERR_BUS_REPLY',
    `The reply to the D-Bus call ${call.member} has not the form that was asked for.`,
    {
      cause,
    },
  );
}
