import { describe, expect, it } from 'vitest';
import type { FilingState } from './filing-state.js';
import { planInstall } from './install-plan.js';

const all = new Set(['fileinto', 'include', 'mailbox']);
const without = (name: string): Set<string> => new Set([...all].filter((each) => each !== name));
const script = { folder: 'Push', creates: true, own: 'main' };
const absent: FilingState = { kind: 'absent', active: undefined, isIncluded: false };

describe('installing the rule', () => {
  it.each<[string, FilingState, object]>([
    ['with no script at all', absent, { kind: 'put', script: { ...script, own: undefined }, activate: true }],
    ['beside an active script', { ...absent, active: 'main' }, { kind: 'put', script, activate: true }],
    ['a second time', { kind: 'active', script, hasOwn: true }, { kind: 'nothing' }],
    [
      'for another folder',
      { kind: 'active', script: { ...script, folder: 'Old' }, hasOwn: true },
      { kind: 'put', script, activate: false },
    ],
    [
      'after webmail made another script active',
      { kind: 'inactive', script, active: 'roundcube' },
      { kind: 'put', script: { ...script, own: 'roundcube' }, activate: true },
    ],
    [
      'where the script of the user runs ours',
      { kind: 'included', script: { ...script, own: undefined }, active: 'main' },
      { kind: 'nothing' },
    ],
    [
      'where both would run each other',
      { kind: 'included', script, active: 'main' },
      { kind: 'put', script: { ...script, own: undefined }, activate: false },
    ],
    [
      'where the script of the user runs ours, which is missing',
      { kind: 'absent', active: 'main', isIncluded: true },
      { kind: 'put', script: { ...script, own: undefined }, activate: false },
    ],
  ])('%s', (_, state, plan) => {
    expect(planInstall(state, 'Push', all)).toEqual(plan);
  });

  it.each<[string, FilingState, ReadonlySet<string>, string]>([
    ['a server that cannot file', absent, without('fileinto'), 'ERR_SIEVE_UNSUPPORTED'],
    ['a server that runs one script only', { ...absent, active: 'main' }, without('include'), 'ERR_SIEVE_UNSUPPORTED'],
    [
      'a script of our name that is not ours',
      { kind: 'changed', isActive: false, active: 'main' },
      all,
      'ERR_SIEVE_CHANGED',
    ],
  ])('is refused for %s', (_, state, extensions, code) => {
    expect(() => planInstall(state, 'Push', extensions)).toThrow(expect.objectContaining({ code }));
  });

  it('needs no include where no script is active, and makes no folder where the server cannot', () => {
    expect(planInstall(absent, 'Push', new Set(['fileinto']))).toEqual({
      kind: 'put',
      script: { folder: 'Push', creates: false, own: undefined },
      activate: true,
    });
  });
});
