import { setTimeout as delay } from 'node:timers/promises';
import type { DovecotServer } from '../mail-servers/dovecot.js';
import type { Toxic, ToxicProxy } from '../tools/toxic-proxy.js';
import type { Chance } from './random.js';
import type { Supervised } from './supervised.js';

/** What dies in a soak. */
export type Victim = 'daemon' | 'app' | 'bus' | 'line' | 'mail server';

/** What faults are done to. */
export interface Victims {
  readonly daemon: Supervised;
  readonly apps: readonly Supervised[];
  readonly line: ToxicProxy;
  readonly server: DovecotServer;
  /** Kills the bus and starts another one at its address. */
  restartBus(downMs: number): Promise<void>;
}

const one = <T>(chance: Chance, list: readonly T[]): T => chance.pick(list.map((value) => ({ weight: 1, value })));

function toxicOf(chance: Chance): Toxic {
  return one<() => Toxic>(chance, [
    () => ({ type: 'down' }),
    () => ({ type: 'freeze' }),
    () => ({ type: 'timeout', timeoutMs: 0 }),
    () => ({ type: 'timeout', direction: 'downstream', timeoutMs: chance.between(100, 1000) }),
    () => ({ type: 'latency', latencyMs: chance.between(50, 400), jitterMs: 50 }),
    () => ({ type: 'bandwidth', bytesPerSecond: chance.between(500, 5000) }),
    () => ({ type: 'slicer', sliceBytes: 7, pauseMs: 1 }),
    () => ({ type: 'limit data', direction: 'downstream', bytes: chance.between(1, 5000) }),
    () => ({ type: 'limit data', direction: 'upstream', bytes: chance.between(1, 500) }),
    () => ({ type: 'reset', afterMs: chance.between(0, 500) }),
  ])();
}

async function spoilLine(line: ToxicProxy, chance: Chance): Promise<void> {
  if (chance.next() < 0.3) {
    line.reset();
    return;
  }
  const heal = line.add(toxicOf(chance));
  await delay(chance.between(200, 3000));
  heal();
}

/** Does one fault and heals what does not heal by itself; resolves with what it was done to. */
export async function doFault(victims: Victims, chance: Chance): Promise<Victim> {
  const victim = chance.pick<Victim>([
    { weight: 30, value: 'daemon' },
    { weight: 25, value: 'app' },
    { weight: 10, value: 'bus' },
    { weight: 20, value: 'line' },
    { weight: 15, value: 'mail server' },
  ]);
  switch (victim) {
    case 'daemon':
      victims.daemon.kill();
      break;
    case 'app':
      one(chance, victims.apps).kill();
      break;
    case 'bus':
      await victims.restartBus(chance.between(0, 500));
      break;
    case 'line':
      await spoilLine(victims.line, chance);
      break;
    case 'mail server':
      await victims.server.halt(chance.next() < 0.5 ? 'SIGKILL' : 'SIGTERM');
      await delay(chance.between(0, 2000));
      await victims.server.startAgain();
      break;
  }
  return victim;
}
