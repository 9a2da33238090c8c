import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareMessages, sameMessage } from './message-ref.js';

const ref = fc.record({
  folder: fc.constantFrom('INBOX', 'Junk', 'Push'),
  uidValidity: fc.constant('7'),
  uid: fc.integer({ min: 1, max: 5 }),
});

describe('the order of messages', () => {
  it('is by folder, and in a folder by UID', () => {
    const messages = ['Junk 9', 'INBOX 10', 'Push 1', 'INBOX 9'].map((text) => {
      const [folder = '', uid] = text.split(' ');
      return { folder, uidValidity: '7', uid: Number(uid) };
    });
    const sorted = messages.sort(compareMessages).map(({ folder, uid }) => `${folder} ${uid}`);
    expect(sorted).toEqual(['INBOX 9', 'INBOX 10', 'Junk 9', 'Push 1']);
  });

  it('is one: of two different messages exactly one is first', () => {
    fc.assert(
      fc.property(ref, ref, (a, b) => {
        const same = sameMessage(a, b);
        expect(Math.sign(compareMessages(a, b)) + Math.sign(compareMessages(b, a))).toBe(0);
        expect(compareMessages(a, b) === 0).toBe(same);
      }),
    );
  });
});
