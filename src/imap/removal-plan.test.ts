import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { handledFolder, planRemoval } from './removal-plan.js';

const toTrash = { kind: 'move', folder: '[Gmail]/Trash', create: false };
const toOurs = { kind: 'move', folder: handledFolder, create: true };

describe('the way of removal', () => {
  it.each([
    [['UIDPLUS', 'MOVE', 'IDLE'], undefined, { kind: 'expunge' }],
    [['UIDPLUS'], 'Trash', { kind: 'expunge' }],
    [['MOVE'], 'Trash', toOurs],
    [['MOVE'], undefined, toOurs],
    [[], 'Trash', { kind: 'leave' }],
    [['X-GM-EXT-1', 'UIDPLUS', 'MOVE'], '[Gmail]/Trash', toTrash],
    [['X-GM-EXT-1', 'MOVE'], '[Gmail]/Trash', toTrash],
    [['X-GM-EXT-1', 'UIDPLUS', 'MOVE'], undefined, { kind: 'expunge' }],
    [['X-GM-EXT-1', 'UIDPLUS'], '[Gmail]/Trash', { kind: 'expunge' }],
  ])('with %j and the trash %j is %j', (capabilities, trash, plan) => {
    expect(planRemoval(new Set(capabilities), trash)).toEqual(plan);
  });

  it('expunges only with UIDPLUS and moves only with MOVE', () => {
    const capability = fc.constantFrom('UIDPLUS', 'MOVE', 'X-GM-EXT-1', 'IDLE', 'CONDSTORE');
    fc.assert(
      fc.property(fc.uniqueArray(capability), fc.option(fc.string(), { nil: undefined }), (capabilities, trash) => {
        const { kind } = planRemoval(new Set(capabilities), trash);
        if (kind === 'expunge') expect(capabilities).toContain('UIDPLUS');
        if (kind === 'move') expect(capabilities).toContain('MOVE');
        if (kind === 'leave') expect(capabilities).not.toContain('UIDPLUS');
      }),
    );
  });
});
