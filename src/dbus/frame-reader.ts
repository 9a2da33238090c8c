import { fixedHeaderBytes, measureMessage } from './message.js';

/** One message cut out of the stream. */
export interface Frame {
  /** Fixed header and fields, with their padding. */
  readonly header: Buffer;
  /** Undefined when the body was longer than the bound and has been skipped. */
  readonly body: Buffer | undefined;
}

/** Bounds of a {@link FrameReader}. */
export interface FrameLimits {
  /** A message whose header is longer is skipped without a trace: it can only be meant badly. */
  readonly headerBytes: number;
  /** A longer body is skipped; the header tells whom to answer. */
  readonly bodyBytes: number;
}

/**
 * Cuts a stream of bytes into messages, however it comes in pieces. A message over the limits is skipped, never held, so
 * that nobody can end the connection, or fill the memory, of a program by sending it one.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  #chunks: Buffer[] = [];
  #size = 0;
  #skipBytes = 0;
  #header: Buffer | undefined;
  #bodyBytes = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Takes the next piece and gives the messages that it completes. Throws `ERR_BUS_PROTOCOL` when it is not D-Bus. */
  *push(chunk: Buffer): Generator<Frame, void, void> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    for (;;) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, this.#size);
        this.#take(skipped);
        this.#skipBytes -= skipped;
        if (this.#skipBytes > 0) return;
      }
      if (this.#header === undefined) {
        if (this.#size < fixedHeaderBytes) return;
        const { headerBytes, bodyBytes } = measureMessage(this.#peek(fixedHeaderBytes));
        if (headerBytes > this.#limits.headerBytes) {
          this.#skipBytes = headerBytes + bodyBytes;
          continue;
        }
        if (this.#size < headerBytes) return;
        this.#header = this.#take(headerBytes);
        this.#bodyBytes = bodyBytes;
      }
      const header = this.#header;
      if (this.#bodyBytes > this.#limits.bodyBytes) {
        this.#skipBytes = this.#bodyBytes;
        this.#header = undefined;
        yield { header, body: undefined };
        continue;
      }
      if (this.#size < this.#bodyBytes) return;
      const body = this.#take(this.#bodyBytes);
      this.#header = undefined;
      yield { header, body };
    }
  }

  /** Everything that is held and belongs to no message yet. */
  get bufferedBytes(): number {
    return this.#size;
  }

  #joined(): Buffer {
    const [first, ...others] = this.#chunks;
    const joined = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #peek(size: number): Buffer {
    const [first] = this.#chunks;
    return first !== undefined && first.length >= size ? first : this.#joined();
  }

  #take(size: number): Buffer {
    const joined = this.#joined();
    const taken = joined.subarray(0, size);
    this.#chunks = size < joined.length ? [joined.subarray(size)] : [];
    this.#size -= size;
    return taken;
  }
}
