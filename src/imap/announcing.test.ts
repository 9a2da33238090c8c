import { describe, expect, it } from 'vitest';
import { type Announcing, checkAfterMs, type Observation, observe, trusted } from './announcing.js';

const having = (...seen: Observation[]): Announcing => seen.reduce(observe, trusted);
const times = { checkMs: 120_000, idleRestartMs: 540_000, pollMs: 60_000 };

describe('what is thought of a server that should announce new mail', () => {
  it('is good at first, and after mail that it announced', () => {
    expect(trusted.isReliable).toBe(true);
    expect(having('announced', 'announced').isReliable).toBe(true);
  });

  it('stays good when it forgets one now and then', () => {
    expect(having('missed', 'missed', 'announced', 'missed', 'missed').isReliable).toBe(true);
  });

  it('is bad when it forgets three in a row', () => {
    expect(having('announced', 'missed', 'missed', 'missed').isReliable).toBe(false);
  });

  it('is good again when it announces three in a row', () => {
    const bad: Observation[] = ['missed', 'missed', 'missed'];
    expect(having(...bad, 'announced', 'announced', 'missed', 'announced').isReliable).toBe(false);
    expect(having(...bad, 'announced', 'announced', 'announced').isReliable).toBe(true);
  });

  it('decides how often it is asked', () => {
    const bad = having('missed', 'missed', 'missed');
    expect(checkAfterMs(trusted, times)).toBe(120_000);
    expect(checkAfterMs(bad, times)).toBe(60_000);
    expect(checkAfterMs(bad, { ...times, pollMs: 600_000 })).toBe(120_000);
    expect(checkAfterMs(trusted, { ...times, idleRestartMs: 100_000 })).toBe(100_000);
  });
});
