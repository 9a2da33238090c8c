import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrusted, learn, mayBeTrusted, nobody, type Pin, type Trust } from './trust.js';

const keyOf = (letter: string): Pin => ({
  fingerprint: letter.repeat(40),
  address: 'push@app.example',
  keydata: new Uint8Array([1]),
});
const [a, b, c] = ['a', 'b', 'c'].map(keyOf) as [Pin, Pin, Pin];
const pinned: Trust = { pin: a, next: undefined };
const at = (timestamp: number, next?: Pin) => ({
  timestamp,
  ...(next === undefined ? {} : { nextFingerprint: next.fingerprint }),
});

describe('the first key on a channel', () => {
  it('may be any, or the one that was named, and is pinned', () => {
    expect(isTrusted(nobody, undefined, a.fingerprint)).toBe(true);
    expect(isTrusted(nobody, a.fingerprint, a.fingerprint)).toBe(true);
    expect(isTrusted(nobody, a.fingerprint, b.fingerprint)).toBe(false);
    expect(learn(nobody, a, at(1))).toEqual(pinned);
  });

  it('alone may push from then on, whoever was named', () => {
    expect(isTrusted(pinned, b.fingerprint, a.fingerprint)).toBe(true);
    expect(isTrusted(pinned, b.fingerprint, b.fingerprint)).toBe(false);
    expect(mayBeTrusted(pinned, b.fingerprint.slice(24))).toBe(false);
    expect(mayBeTrusted(nobody, b.fingerprint.slice(24))).toBe(true);
  });
});

describe('a key that the pinned one has announced', () => {
  const announced = learn(pinned, a, at(5, b));

  it('may push beside it, and so may a key of which no more is known than that it may be this one', () => {
    expect(announced).toEqual({ pin: a, next: { fingerprint: b.fingerprint, timestamp: 5 } });
    for (const key of [a, b]) expect(isTrusted(announced, undefined, key.fingerprint)).toBe(true);
    expect(isTrusted(announced, undefined, c.fingerprint)).toBe(false);
    expect(mayBeTrusted(announced, b.fingerprint.slice(24))).toBe(true);
    expect(mayBeTrusted(announced, c.fingerprint.slice(24))).toBe(false);
  });

  it('is pinned by its first push, and the one before is no more', () => {
    const moved = learn(announced, b, at(6));
    expect(moved).toEqual({ pin: b, next: undefined });
    expect(isTrusted(moved, undefined, a.fingerprint)).toBe(false);
  });

  it('can announce another in the same push', () => {
    expect(learn(announced, b, at(6, c))).toEqual({ pin: b, next: { fingerprint: c.fingerprint, timestamp: 6 } });
  });

  it('is replaced by a later announcement, and not by an earlier one that comes late', () => {
    expect(learn(announced, a, at(9, c)).next?.fingerprint).toBe(c.fingerprint);
    expect(learn(announced, a, at(4, c))).toBe(announced);
    expect(learn(announced, a, at(9))).toBe(announced);
  });

  it('is none when it is the pinned one itself', () => {
    expect(learn(pinned, a, at(5, a))).toBe(pinned);
  });
});

describe('whoever pushes what', () => {
  it('only a key that was pinned can bring another one in', () => {
    const pushes = fc.array(
      fc.record({ signer: fc.constantFrom(a, b, c), next: fc.constantFrom(undefined, a, b, c), time: fc.nat(20) }),
    );
    fc.assert(
      fc.property(pushes, (given) => {
        let trust: Trust = pinned;
        const invited = new Set([a.fingerprint]);
        for (const { signer, next, time } of given) {
          if (!isTrusted(trust, undefined, signer.fingerprint)) continue;
          expect(invited).toContain(signer.fingerprint);
          if (next !== undefined) invited.add(next.fingerprint);
          trust = learn(trust, signer, at(time, next));
          expect(trust.pin).toEqual(signer);
        }
      }),
    );
  });
});
