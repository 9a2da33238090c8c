import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary-directory.js';

/** A disk of its own in memory, for one test. */
export interface SmallDisk {
  readonly path: string;
  /** Makes it readable only, or writable again. */
  readOnly(isReadOnly: boolean): void;
}

const mount = (...args: string[]): void => void execFileSync('mount', args, { stdio: 'pipe' });
const tmpfs = (kilobytes: number, path: string): string[] => ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path];

/** Mounts a disk of this size, which is gone with the test. */
export async function smallDisk(kilobytes: number): Promise<SmallDisk> {
  const path = await temporaryDirectory();
  mount(...tmpfs(kilobytes, path));
  onTestFinished(() => void spawnSync('umount', ['-l', path]));
  return { path, readOnly: (isReadOnly) => mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, path) };
}

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'mailpush-'));
  try {
    const isMounted = spawnSync('mount', tmpfs(64, path)).status === 0;
    if (isMounted) spawnSync('umount', [path]);
    return isMounted;
  } finally {
    rmdirSync(path);
  }
}

/** `describe` for tests with a {@link smallDisk}; who may not mount one leaves them out, and is told so. */
export function describeWithSmallDisk(name: string, tests: () => void): void {
  const isPossible = canMount();
  if (!isPossible) console.warn(`Left out: ${name}. Mounting a disk takes root and the right to mount.`);
  describe.skipIf(!isPossible)(name, tests);
}
