// dbus-next declares no types for the parts of it that are used here.

declare module 'dbus-next/lib/signature.js' {
  export interface TypeNode {
    readonly type: string;
    readonly child: readonly TypeNode[];
  }
  const signature: { parseSignature(signature: string): readonly TypeNode[] };
  export default signature;
}

declare module 'dbus-next/lib/message.js' {
  const message: {
    /** Takes a body in the marshaller's own form: a variant is `[signature, value]`, a dict `[key, value][]`. */
    marshall(message: Readonly<Record<string, unknown>>): [data: Buffer, fds: readonly unknown[]];
  };
  export default message;
}

declare module 'dbus-next/lib/dbus-buffer.js' {
  import type { TypeNode } from 'dbus-next/lib/signature.js';
  export default class DBusBuffer {
    constructor(buffer: Buffer, startPos: number, endian: number, fds: null, options: { ayBuffer: boolean });
    readonly buffer: Buffer;
    pos: number;
    readInt8(): number;
    readString(length: number): string;
    readArray(element: TypeNode, byteLength: number): unknown[] | Buffer;
    /** Gives one value per complete type; a variant is `[type nodes, [value]]`, a dict `[key, value][]`, `ay` a Buffer. */
    read(signature: string): unknown[];
  }
}
