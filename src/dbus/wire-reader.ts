import DBusBuffer from 'dbus-next/lib/dbus-buffer.js';
import type { TypeNode } from 'dbus-next/lib/signature.js';

/**
 * dbus-next's reader of the wire format, held to its buffer: by itself it reads on behind the end, as long as a hostile
 * length says, and for ever in an array of nothing. What it throws is not typed; callers turn it into `ERR_BUS_PROTOCOL`.
 */
export class WireReader extends DBusBuffer {
  constructor(buffer: Buffer, endian: number) {
    super(buffer, 0, endian, null, { ayBuffer: true });
  }

  override readInt8(): number {
    this.#need(1);
    return super.readInt8();
  }

  override readString(length: number): string {
    this.#need(length + 1);
    return super.readString(length);
  }

  override readArray(element: TypeNode, byteLength: number): unknown[] | Buffer {
    this.#need(byteLength);
    if (element.type === '(' && element.child.length === 0) throw new Error('An array holds structs without members.');
    return super.readArray(element, byteLength);
  }

  #need(bytes: number): void {
    if (this.pos + bytes > this.buffer.length) throw new Error('The message ends too early.');
  }
}
