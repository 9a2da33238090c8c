import { describe, expect, it } from 'vitest';
import { registrationWith } from '../../../test/tools/registration.js';
import type { Registration } from '../store/index.js';
import { mend } from './mend.js';

const now = 1_900_000_000_000;
const registered = (channel: string, change: Partial<Registration> = {}): Registration =>
  registrationWith({ channel, token: 'token', ...change });

describe('an app that damage has left', () => {
  it('with one current channel keeps it, whatever drains', () => {
    const [old, older] = [registered('b', { replacedAt: 5, registeredAt: 9 }), registered('c', { replacedAt: 4 })];
    expect(mend([registered('a', { registeredAt: 1 }), old, older], now)).toEqual([]);
  });

  it('with none gets back the latest of those that drain', () => {
    const latest = registered('b', { replacedAt: 5, registeredAt: 2 });
    const all = [registered('a', { replacedAt: 6, registeredAt: 1 }), latest];
    expect(mend(all, now)).toEqual([{ ...latest, replacedAt: null }]);
  });

  it('with two keeps the later one, and the other drains from now on', () => {
    const first = registered('a', { registeredAt: 1 });
    for (const all of [
      [registered('b'), first],
      [first, registered('b')],
    ]) {
      expect(mend(all, now)).toEqual([{ ...first, replacedAt: now }]);
    }
  });

  it('does not take the channel of another service, or another token, for its own', () => {
    const others = [registered('b', { service: 'org.example.Other' }), registered('c', { token: 'other' })];
    const drains = registered('a', { replacedAt: 5 });
    expect(mend([...others, drains], now)).toEqual([{ ...drains, replacedAt: null }]);
  });
});
