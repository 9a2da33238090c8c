import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../test/tools/temporary-directory.js';
import { makePrivateFolder } from './private-folder.js';

describe('makePrivateFolder', () => {
  it('makes every missing folder with mode 0700, and may be asked again', async () => {
    const path = join(await temporaryDirectory(), 'one', 'two');
    await makePrivateFolder(path);
    await makePrivateFolder(path);
    for (const folder of [path, join(path, '..')]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('gives up where nothing can be made', async () => {
    await expect(makePrivateFolder('/proc/there/is/none')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
