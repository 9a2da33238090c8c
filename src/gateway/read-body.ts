import type { Readable } from 'node:stream';
import { GatewayError } from './gateway-error.js';

/** The body of a request as it came. */
export type RequestBody = { readonly bytes: Buffer } | 'too large';

/** How much of a body over its limit is read and dropped, so that the client gets to read the answer (1 MiB). */
const maxDroppedBytes = 1_048_576;
const firstBufferBytes = 1024;

/**
 * Reads a body of at most `limitBytes`. A larger one is read to its end too and dropped, because an answer in the middle of
 * it would be lost with the connection; after 1 MiB the answer is `too large` at once, and the connection has to end.
 * Whatever the pieces that it comes in, no more than twice its size is held.
 *
 * Rejects with `ERR_GATEWAY_REQUEST` when it breaks off.
 */
export async function readBody(body: Readable, limitBytes: number): Promise<RequestBody> {
  // One buffer for all pieces: a body in pieces of one byte would else cost a hundred times its size.
  let held = Buffer.allocUnsafe(Math.min(firstBufferBytes, limitBytes));
  let size = 0;

  function take(piece: Buffer): void {
    const before = size;
    size += piece.length;
    if (size > limitBytes) return;
    if (size > held.length) {
      const larger = Buffer.allocUnsafe(Math.min(limitBytes, Math.max(size, 2 * held.length)));
      held.copy(larger, 0, 0, before);
      held = larger;
    }
    piece.copy(held, before);
  }

  await new Promise<void>((resolve, reject) => {
    const brokenOff = (): void => {
      stop();
      reject(new GatewayError('ERR_GATEWAY_REQUEST', 'The request broke off; send it again.'));
    };
    const ended = (): void => {
      stop();
      resolve();
    };
    const data = (piece: Buffer): void => {
      take(piece);
      if (size > maxDroppedBytes) ended();
    };
    const stop = (): void => {
      body.off('data', data).off('end', ended).off('error', brokenOff).off('close', brokenOff);
    };
    body.on('data', data).on('end', ended).on('error', brokenOff).on('close', brokenOff);
  });
  return size > limitBytes ? 'too large' : { bytes: held.subarray(0, size) };
}
