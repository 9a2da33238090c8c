import { describe, expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { type Admission, createDomainGate, type DomainGate } from './domain-gate.js';
import { PushError } from './errors.js';

const pauses = { firstPauseMs: 5000, longestPauseMs: 300_000 };
const unlimited = Number.POSITIVE_INFINITY;
const never = new AbortController().signal;

/** Comes back when everything that can happen at this time has happened. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The names of those that were let in, in that order. */
function visitors(gate: DomainGate): {
  enter: (name: string, domain: string) => void;
  admitted: Map<string, Admission>;
} {
  const admitted = new Map<string, Admission>();
  const enter = (name: string, domain: string): void => {
    void gate.enter(domain, never).then((admission) => admitted.set(name, admission));
  };
  return { enter, admitted };
}

describe('the gate of a domain', () => {
  it('lets so many in at once, the others in turn, and holds up no other domain', async () => {
    const { runtime } = createManualTime();
    const { enter, admitted } = visitors(
      createDomainGate({ ...pauses, mostInFlight: 2, mostPerMinute: unlimited }, runtime),
    );
    for (const name of ['1', '2', '3', '4']) enter(name, 'slow.example');
    enter('other', 'quick.example');
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '2', 'other']);
    admitted.get('2')?.failed();
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '2', 'other', '3']);
  });

  it('lets so many in a minute', async () => {
    const time = createManualTime();
    const gate = createDomainGate({ ...pauses, mostInFlight: 9, mostPerMinute: 2 }, time.runtime);
    const { enter, admitted } = visitors(gate);
    for (const name of ['1', '2', '3']) enter(name, 'example.org');
    await settle();
    admitted.get('1')?.taken();
    time.pass(59_999);
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '2']);
    time.pass(1);
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '2', '3']);
  });

  it('opens after a pause for one, by itself', async () => {
    const time = createManualTime();
    const gate = createDomainGate({ ...pauses, mostInFlight: 2, mostPerMinute: unlimited }, time.runtime);
    const { enter, admitted } = visitors(gate);
    for (const name of ['1', '2', '3']) enter(name, 'example.org');
    await settle();
    for (const name of ['1', '2']) admitted.get(name)?.throttled();
    expect(gate.pauseLeftMs('example.org')).toBeGreaterThan(3000);
    expect(gate.pauseLeftMs('example.net')).toBe(0);
    enter('4', 'example.org');
    await settle();
    expect(admitted.size).toBe(2);
    time.pass(10_000);
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '2', '3']);
    admitted.get('3')?.taken();
    await settle();
    expect(admitted.size).toBe(4);
  });

  it('is left by who is aborted, with the reason, and keeps nobody waiting for that', async () => {
    const time = createManualTime();
    const gate = createDomainGate({ ...pauses, mostInFlight: 1, mostPerMinute: unlimited }, time.runtime);
    const { enter, admitted } = visitors(gate);
    enter('1', 'example.org');
    const controller = new AbortController();
    const left = gate.enter('example.org', controller.signal).catch((error: unknown) => error);
    enter('3', 'example.org');
    controller.abort(new PushError('ERR_SENDER_BUSY', 'Too late.'));
    expect(await left).toMatchObject({ code: 'ERR_SENDER_BUSY' });
    const late = gate.enter('example.org', AbortSignal.abort()).catch((error: unknown) => error);
    expect(await late).toMatchObject({ code: 'ERR_ABORTED' });
    admitted.get('1')?.taken();
    await settle();
    expect([...admitted.keys()]).toEqual(['1', '3']);
  });

  it('is forgotten when there is nothing to remember, and leaves no alarm', async () => {
    const time = createManualTime();
    const gate = createDomainGate({ ...pauses, mostInFlight: 1, mostPerMinute: unlimited }, time.runtime);
    for (let count = 0; count < 500; count += 1) (await gate.enter(`${count}.example`, never)).taken();
    expect(gate.size()).toBeLessThan(5);
    for (let count = 0; count < 500; count += 1) (await gate.enter(`${count}.example`, never)).throttled();
    expect(gate.size()).toBeGreaterThanOrEqual(500);
    expect(time.sleepers()).toEqual([]);
    time.pass(600_000);
    for (let count = 0; count < 500; count += 1) (await gate.enter('example.org', never)).taken();
    expect(gate.size()).toBeLessThan(5);
  });

  it('remembers ten thousand pauses at most', async () => {
    const time = createManualTime();
    const gate = createDomainGate({ ...pauses, mostInFlight: 1, mostPerMinute: unlimited }, time.runtime);
    for (let count = 0; count < 10_500; count += 1) (await gate.enter(`${count}.example`, never)).throttled();
    expect(gate.size()).toBeLessThanOrEqual(10_001);
  });
});
