import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Toxic, Toxics } from './toxics.js';

/** What a lane has taken in and not passed on yet; an end is passed on like a byte. */
type Item = { readonly bytes: Buffer; readonly cameAt: number; readonly chance: number } | 'end' | 'broken';

/** One way of one connection. */
export interface LaneOptions {
  readonly direction: 'upstream' | 'downstream';
  readonly from: Socket;
  readonly to: Socket;
  readonly toxics: Toxics;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Closes the connection, politely or by RST. */
  readonly end: (how: 'close' | 'reset') => void;
  /** Aborted when the connection is over. */
  readonly over: AbortSignal;
}

/** More than this is not taken in before some of it is passed on. */
const maxQueuedBytes = 65_536;

/** Into how many parts a second's bytes are divided where the bandwidth is bounded. */
const ticksPerSecond = 20;

type Of<Type extends Toxic['type']> = Extract<Toxic, { type: Type }>;

function pick<Type extends Toxic['type']>(toxics: readonly Toxic[], type: Type): Of<Type>[] {
  return toxics.filter((toxic): toxic is Of<Type> => toxic.type === type);
}

/** Carries bytes from one socket to the other, as the toxics of the moment let it. Ends with the connection. */
export async function carry({ direction, from, to, toxics, random, end, over }: LaneOptions): Promise<void> {
  const queue: Item[] = [];
  const carried = new Map<Toxic, number>();
  let queuedBytes = 0;
  let wake = (): void => {};

  function take(item: Item): void {
    queue.push(item);
    wake();
  }
  from.on('data', (bytes: Buffer) => {
    queuedBytes += bytes.length;
    if (queuedBytes > maxQueuedBytes) from.pause();
    take({ bytes, cameAt: performance.now(), chance: random() });
  });
  from.on('end', () => take('end'));
  from.on('error', () => take('broken'));
  over.addEventListener('abort', () => wake());

  async function next(): Promise<Item | undefined> {
    while (queue.length === 0 && !over.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return over.aborted ? undefined : queue[0];
  }

  function passed(bytes: Buffer, count: number): void {
    queuedBytes -= count;
    if (queuedBytes <= maxQueuedBytes) from.resume();
    const item = queue[0];
    if (count === bytes.length) queue.shift();
    else if (typeof item === 'object') queue[0] = { ...item, bytes: bytes.subarray(count) };
  }

  async function write(bytes: Buffer): Promise<void> {
    if (!to.destroyed) await new Promise<void>((resolve) => to.write(bytes, () => resolve()));
  }

  /** Passes on as much as may be passed on at once, and waits as long as nothing more may follow. */
  async function passOn({ bytes }: Exclude<Item, string>, active: readonly Toxic[]): Promise<void> {
    const slicers = pick(active, 'slicer');
    const limits = pick(active, 'limit data');
    const left = Math.min(...limits.map((limit) => limit.bytes - (carried.get(limit) ?? 0)));
    const rate = Math.min(...pick(active, 'bandwidth').map(({ bytesPerSecond }) => bytesPerSecond));
    const atOnce = Math.min(Math.max(1, Math.floor(rate / ticksPerSecond)), ...slicers.map((each) => each.sliceBytes));
    const count = Math.min(bytes.length, Math.max(0, left), atOnce);
    passed(bytes, count);
    await write(bytes.subarray(0, count));
    for (const limit of limits) carried.set(limit, (carried.get(limit) ?? 0) + count);
    if (count >= left) end('close');
    const pauseMs = (count / rate) * 1000 + slicers.reduce((sum, slicer) => sum + slicer.pauseMs, 0);
    if (pauseMs > 0) await toxics.pause(pauseMs, over);
  }

  for (;;) {
    const item = await next();
    if (item === undefined) return;
    const active = toxics.of(direction);
    if (pick(active, 'freeze').length > 0) {
      await toxics.pause(undefined, over);
      continue;
    }
    if (item === 'broken') end('reset');
    if (item === 'end') to.end();
    if (typeof item === 'string') return;
    const lateMs = pick(active, 'latency').reduce(
      (sum, { latencyMs, jitterMs = 0 }) => sum + latencyMs + (2 * item.chance - 1) * jitterMs,
      item.cameAt - performance.now(),
    );
    if (pick(active, 'latency').length > 0 && lateMs > 0) await toxics.pause(lateMs, over);
    else if (pick(active, 'timeout').length > 0) passed(item.bytes, item.bytes.length);
    else await passOn(item, active);
  }
}
