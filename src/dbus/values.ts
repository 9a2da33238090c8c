import signatures, { type TypeNode } from 'dbus-next/lib/signature.js';
import { BusError } from './errors.js';
import { isObjectPath } from './names.js';
import type { Variant } from './variant.js';

/** The specification allows 32 levels of arrays and 32 of structs; nobody needs a tenth of that. */
const maxDepth = 32;
const maxSignatureLength = 255;

/**
 * Reads a D-Bus signature into its complete types.
 *
 * Throws {@link BusError} `ERR_BUS_ARGUMENT` for anything that is not a signature or holds file descriptors.
 */
export function parseTypes(signature: string): readonly TypeNode[] {
  // dbus-next's parser takes types that are on no wire, such as `r` and `?`, and dict entries outside arrays.
  if (signature.length > maxSignatureLength || !/^[ybnqiuxtdsoga(){}v]*$/.test(signature)) throw notASignature();
  let types: readonly TypeNode[];
  try {
    types = signatures.parseSignature(signature);
  } catch {
    throw notASignature();
  }
  for (const type of types) checkType(type, 0, false);
  return types;
}

function notASignature(): BusError {
  return new BusError(
    'ERR_BUS_ARGUMENT',
    'Use a D-Bus signature that the specification allows, without file descriptors.',
  );
}

function checkType(type: TypeNode, depth: number, inArray: boolean): void {
  if (depth > maxDepth) throw notASignature();
  const { child } = type;
  if (type.type === ')' || type.type === '}') throw notASignature();
  if (type.type === '(' && child.length === 0) throw notASignature();
  if (type.type === '{') {
    const key = child[0]?.type ?? '';
    if (!inArray || child.length !== 2 || !'ybnqiuxtdsog'.includes(key)) throw notASignature();
  }
  for (const one of child) checkType(one, depth + 1, type.type === 'a');
}

/** Turns what dbus-next has unmarshalled for `type` into our own form; bytes are copied. */
export function fromWire(type: TypeNode, raw: unknown): unknown {
  const [element] = type.child;
  if (type.type === 'v') {
    const [types, values] = raw as [readonly TypeNode[], readonly unknown[]];
    const [inner] = types;
    if (inner === undefined || types.length !== 1) throw new BusError('ERR_BUS_PROTOCOL', 'A variant holds one value.');
    return { signature: signatureOf(inner), value: fromWire(inner, values[0]) } satisfies Variant;
  }
  if (type.type === '(') return type.child.map((one, index) => fromWire(one, (raw as readonly unknown[])[index]));
  if (type.type !== 'a' || element === undefined) return raw;
  if (element.type === 'y') return new Uint8Array(raw as Buffer);
  if (element.type !== '{') return (raw as readonly unknown[]).map((one) => fromWire(element, one));
  const [keyType, valueType] = element.child as readonly [TypeNode, TypeNode];
  // Without a prototype a key such as `__proto__` is a key like any other.
  const dict: Record<string, unknown> = Object.create(null);
  for (const [key, value] of raw as readonly [unknown, unknown][]) {
    dict[String(fromWire(keyType, key))] = fromWire(valueType, value);
  }
  return dict;
}

/**
 * Turns a value of ours into dbus-next's marshalling form for `type`.
 *
 * Throws {@link BusError} `ERR_BUS_ARGUMENT` when the value does not fit the type: a bus ends the connection of those
 * who send it a malformed message, so nothing malformed may leave.
 */
export function toWire(type: TypeNode, value: unknown, depth = 0): unknown {
  if (depth > maxDepth) throw new BusError('ERR_BUS_ARGUMENT', 'The D-Bus argument is nested too deeply.');
  const [element] = type.child;
  switch (type.type) {
    case 'v': {
      if (!isVariant(value)) throw misfit(type);
      const [inner, ...others] = parseTypes(value.signature);
      if (inner === undefined || others.length > 0) throw misfit(type);
      return [value.signature, toWire(inner, value.value, depth + 1)];
    }
    case '(':
      if (!Array.isArray(value) || value.length !== type.child.length) throw misfit(type);
      return type.child.map((one, index) => toWire(one, value[index], depth + 1));
    case 'a':
      if (element === undefined) throw misfit(type);
      if (element.type === 'y') return bytesToWire(type, value);
      if (element.type === '{') return dictToWire(type, element, value, depth);
      if (!Array.isArray(value)) throw misfit(type);
      return value.map((one) => toWire(element, one, depth + 1));
    default:
      return basicToWire(type, value);
  }
}

function bytesToWire(type: TypeNode, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) throw misfit(type);
  return value;
}

function dictToWire(type: TypeNode, entry: TypeNode, value: unknown, depth: number): unknown {
  const [keyType, valueType] = entry.child;
  const isRecord =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  if (!isRecord || keyType === undefined || valueType === undefined || !'sog'.includes(keyType.type))
    throw misfit(type);
  return Object.entries(value).map(([key, one]) => [basicToWire(keyType, key), toWire(valueType, one, depth + 1)]);
}

const integerRanges: Readonly<Record<string, readonly [number, number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
};

function basicToWire(type: TypeNode, value: unknown): unknown {
  if (!fitsBasic(type.type, value)) throw misfit(type);
  return value;
}

function fitsBasic(type: string, value: unknown): boolean {
  switch (type) {
    case 's':
      return typeof value === 'string' && !value.includes('\0');
    case 'o':
      return typeof value === 'string' && isObjectPath(value);
    case 'g':
      return typeof value === 'string' && parseTypes(value).length >= 0;
    case 'b':
      return typeof value === 'boolean';
    case 'd':
      return typeof value === 'number' && Number.isFinite(value);
    case 't':
      return typeof value === 'bigint' && value >= 0n && value < 1n << 64n;
    case 'x':
      // dbus-next takes the lowest value of all for out of range.
      return typeof value === 'bigint' && value > -(1n << 63n) && value < 1n << 63n;
    default: {
      const range = integerRanges[type];
      return range !== undefined && Number.isInteger(value) && Number(value) >= range[0] && Number(value) <= range[1];
    }
  }
}

function isVariant(value: unknown): value is Variant {
  return (
    typeof value === 'object' && value !== null && 'value' in value && typeof (value as Variant).signature === 'string'
  );
}

function misfit(type: TypeNode): BusError {
  return new BusError('ERR_BUS_ARGUMENT', `Give a value that fits the D-Bus type ${signatureOf(type)}.`);
}

function signatureOf(type: TypeNode): string {
  const inner = type.child.map(signatureOf).join('');
  if (type.type === '(') return `(${inner})`;
  if (type.type === '{') return `{${inner}}`;
  return type.type + inner;
}
