import { describe, expect, it } from 'vitest';
import { isOpenToOthers } from './private-file.js';

const [root, self, other] = [0, 1000, 2000];

describe('a secret', () => {
  it.each([0o600, 0o400, 0o700])('with mode %o is for its owner alone', (mode) => {
    for (const uid of [root, self, other]) expect(isOpenToOthers({ mode, uid }, self)).toBe(false);
    expect(isOpenToOthers({ mode, uid: root }, root)).toBe(false);
  });

  it('of root may be readable by the group of a process of somebody else, as systemd and Kubernetes do it', () => {
    for (const mode of [0o440, 0o640]) {
      expect(isOpenToOthers({ mode, uid: root }, self)).toBe(false);
      expect(isOpenToOthers({ mode, uid: root }, root)).toBe(true);
      expect(isOpenToOthers({ mode, uid: self }, self)).toBe(true);
      expect(isOpenToOthers({ mode, uid: other }, self)).toBe(true);
    }
  });

  it.each([0o604, 0o602, 0o660, 0o620, 0o444, 0o610])('with mode %o is open to others, whoever it is of', (mode) => {
    for (const uid of [root, self, other]) expect(isOpenToOthers({ mode, uid }, self)).toBe(true);
    expect(isOpenToOthers({ mode, uid: root }, root)).toBe(true);
  });
});
